#!/bin/sh
# Builds every fuzz target under Clang 19 with sanitizers and runs each for some seconds.
set -eu
build=$1
seconds=$2
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Release \
  -DSHOAL_FUZZ=ON -DSHOAL_SANITIZE=ON -DSHOAL_TESTS=OFF -DSHOAL_BENCH=OFF -DSHOAL_WITH_TORCH=OFF
cmake --build "$build" --target fuzz_targets
failed=
for source in fuzz/*_fuzz.cc; do
  name=$(basename "$source" .cc)
  echo "== $name for $seconds s"
  mkdir -p "$build/corpus/$name"
  "$build/$name" -max_total_time="$seconds" -rss_limit_mb=512 -print_final_stats=1 \
    -artifact_prefix="$build/$name-" "$build/corpus/$name" > "$build/$name.log" 2>&1 ||
    { failed="$failed $name"; head -n 40 "$build/$name.log"; }
  tail -n 12 "$build/$name.log"
done
[ -z "$failed" ] || { echo "found something:$failed" >&2; exit 1; }
