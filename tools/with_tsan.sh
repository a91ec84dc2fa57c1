#!/bin/sh
# Builds the net room's tests without LibTorch under Clang 19's ThreadSanitizer, and runs them.
set -eu
build=$1
shift
command -v clang++-19 >/dev/null || {
  echo "clang++-19 is missing: apt-get install clang-19 libclang-rt-19-dev" >&2; exit 1; }
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Release \
  -DSHOAL_SANITIZE_THREADS=ON -DSHOAL_WITH_TORCH=OFF -DSHOAL_BENCH=OFF
cmake --build "$build" --target net_test
TSAN_OPTIONS="suppressions=tools/tsan_suppressions.txt ignore_noninstrumented_modules=1 halt_on_error=0 ${TSAN_OPTIONS:-}" \
  "$build/net_test" --gtest_brief=1 "$@"
