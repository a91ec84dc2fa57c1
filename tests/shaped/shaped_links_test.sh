#!/bin/sh
# The simulation's clock against a real one, on the same links.
#
#   shaped_links_test.sh SHOAL SOURCE [RUN...]
#
# Runs of links.toml are done twice: simulated, and by a server and four members in network
# namespaces (star.sh) whose links have the rates of [network], over gRPC with mutual TLS. The
# median duration of a round must agree within 15 %.
#
# The links shape rates only: Debian's kernel has the token bucket, but not everywhere netem, so the
# latency is that of a bridge and [network] says 0. What the simulation leaves out makes a real round
# 3 to 8 % longer here: headers of IP, TCP and TLS (4 %), and some 50 ms for digests, signatures, the
# local step and the durable commit of the round.
#
# Where the server's link is narrow both ways, the two differ by more than that, and not by accident:
# the simulated card serves one frame after the other, so the first member uploads while the others
# still download; TCP shares the link, all members have the model at the same time, and one of the
# two directions always idles. With n members the simulation takes (n + 1) b/rate, TCP at most
# 2n b/rate. The run `both_ways` shows it (0.67 s simulated, 1.02 s measured); it is not run unless
# it is named.
set -u
shoal=$1
source=$2
shift 2
[ "$#" -gt 0 ] || set -- members server_up
. "$source/tests/shaped/star.sh"
star_usable || exit 77

members=4
work=$(mktemp -d)
processes=""
finish() {
  for process in $processes; do kill -KILL "$process" 2> /dev/null; done
  wait
  star_remove
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
failures=0
fail() { echo "FAILED: $1"; failures=$((failures + 1)); }

# setting NAME RUN: of the [network] line of a run.
setting() {
  awk -v run="name = \"$2\"" '$0 == run { found = 1 } found && /^network/ { print; exit }' \
    "$source/tests/shaped/links.toml" | tr '{},' '\n\n\n' |
    awk -v name="$1" '$1 == name { print $3 }'
}

# durations FOLDER: of each round, in seconds, one a line.
durations() {
  sed -n 's/.*"time_s":\([0-9.e+-]*\).*/\1/p' "$1/ledger.jsonl" |
    awk '{ printf "%.4f\n", $1 - before; before = $1 }'
}
median() {
  sort -n | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'
}

shape() {
  star_shape 0 "$(setting server_up_bits_per_s "$1")" "$(setting server_down_bits_per_s "$1")" ||
    return 1
  for member in $(seq 1 $members); do
    star_shape "$member" "$(setting up_bits_per_s "$1")" "$(setting down_bits_per_s "$1")" ||
      return 1
  done
}

real() {
  star_in 0 "$shoal" server "$source/tests/shaped/links.toml" --run "$1" --kit "$work/server" \
    --listen "$(star_address 0):7000" --out "$work/real" --quiet > "$work/server.log" 2>&1 &
  server=$!
  processes=$server
  for member in $(seq 1 $members); do
    star_in "$member" "$shoal" join "$(star_address 0):7000" --kit "$work/member-$member" \
      --quiet > "$work/member-$member.log" 2>&1 &
    processes="$processes $!"
  done
  wait "$server" || { fail "$1: the server ends with $?"; cat "$work"/*.log; }
  for process in $processes; do wait "$process"; done
  processes=""
}

compare() {
  durations "$work/simulated/$1" > "$work/simulated.txt"
  durations "$work/real/$1" > "$work/real.txt"
  simulated=$(median < "$work/simulated.txt")
  measured=$(median < "$work/real.txt")
  echo "$1: a round takes $simulated s simulated, $measured s measured (medians)"
  echo "  simulated: $(tr '\n' ' ' < "$work/simulated.txt")"
  echo "  measured:  $(tr '\n' ' ' < "$work/real.txt")"
  awk -v s="$simulated" -v m="$measured" 'BEGIN {
    if (m <= 0) exit 1
    printf "  the simulation is %+.1f %% off\n", 100 * (s / m - 1)
    exit (s < 0.85 * m || s > 1.15 * m) }'
}

# What else runs on this machine makes real rounds longer, so a disagreement is measured again.
agree() {
  for attempt in 1 2 3; do
    rm -rf "$work/real"
    real "$1"
    compare "$1" && return
  done
  fail "$1: more than 15 % apart, $attempt times"
}

cd "$work" || exit 1
"$shoal" ca init > /dev/null || exit 1
"$shoal" ca issue server --server --host "$(star_address 0)" > /dev/null || exit 1
for member in $(seq 1 $members); do
  "$shoal" ca issue "member-$member" > /dev/null || exit 1
done
"$shoal" run "$source/tests/shaped/links.toml" --quiet --out simulated > /dev/null || exit 1
star_build $members
for run in "$@"; do
  shape "$run" || exit 1
  agree "$run"
done
[ "$failures" -eq 0 ] && echo "all fine"
exit "$failures"
