#!/bin/sh
# Builds without LibTorch under Clang 19 with address and undefined-behaviour sanitizers, and runs
# the tests of every room.
set -eu
build=$1
command -v clang++-19 >/dev/null || {
  echo "clang++-19 is missing: apt-get install clang-19 libclang-rt-19-dev" >&2; exit 1; }
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Release \
  -DSHOAL_SANITIZE=ON -DSHOAL_WITH_TORCH=OFF -DSHOAL_BENCH=OFF \
  -DSHOAL_DEFAULT_DATA_DIR="$PWD/build/data"
cmake --build "$build"
cd "$build" && SHOAL_DATA_DIR="$OLDPWD/build/data" ctest --output-on-failure
