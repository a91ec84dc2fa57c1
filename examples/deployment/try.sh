#!/bin/sh
# The whole story of a federation, on one machine: authority, kits, a server, three members with
# their own rows; the server is killed and goes on; a member is revoked and shut out.
#
#   sh examples/deployment/try.sh [SHOAL [DIGITS]]
#
# SHOAL is the command, DIGITS the file digits.csv.gz that `make data` brings. Everything lies in a
# temporary folder that goes in the end. It is run by the tests, so each step is checked.
set -u
here=$(cd "$(dirname "$0")" && pwd)
shoal=$(realpath "${1:-$here/../../build/shoal}")
digits=$(realpath "${2:-$here/../../build/data/digits.csv.gz}")
work=$(mktemp -d)
processes=""
finish() {
  for process in $processes; do kill -KILL "$process" 2> /dev/null; done
  wait
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 1

say() { printf '\n== %s\n' "$1"; }
give_up() {
  echo "FAILED: $1"
  tail -n 5 ./*.log
  exit 1
}
# until_true SECONDS WHAT COMMAND...: tries it ten times a second.
until_true() {
  tries=$(($1 * 10)); what=$2; shift 2
  until "$@" > /dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || give_up "$what"
    sleep 0.1
  done
}
round() {
  "$shoal" status "$address" --kit operator --json | sed -n 's/^ *"round": \([0-9]*\),/\1/p'
}
round_is_at_least() { [ "$(round)" -ge "$1" ]; }

serve() {  # LISTEN OUT [OPTIONS]: in the background
  listen=$1; out=$2; shift 2
  rm -f address.txt
  "$shoal" server federation.toml --own-data --kit server --revoked ca/revoked.txt \
    --listen "$listen" --out "$out" --address-file address.txt "$@" > server.log 2>&1 &
  server=$!
  processes="$processes $server"
  until_true 20 "the server does not come up" test -s address.txt
  address=$(cat address.txt)
}
join() {  # NAME: in the background
  "$shoal" join "$address" --kit "$1" --data "$1.csv" --quiet > "$1.log" 2>&1 &
  processes="$processes $!"
}

say "rows: 1,500 digits for three members, the rest for the server"
names=$(seq -s , -f 'p%g' 0 63),label
for file in held-out clinic-a clinic-b clinic-c; do echo "$names" > $file.csv; done
gzip -dc "$digits" | awk -F, -v OFS=, '{
  for (i = 1; i < NF; ++i) $i /= 16
  file = NR > 1500 ? "held-out" : NR % 3 == 0 ? "clinic-a" : NR % 3 == 1 ? "clinic-b" : "clinic-c"
  print >> (file ".csv") }'
wc -l ./*.csv
cp "$here/federation.toml" .

say "an authority, and a start kit for everyone"
"$shoal" ca init || exit 1
"$shoal" ca issue server --server --host 127.0.0.1 || exit 1
for name in clinic-a clinic-b clinic-c operator; do "$shoal" ca issue $name || exit 1; done

say "a server and three members"
serve 127.0.0.1:0 runs
for name in clinic-a clinic-b clinic-c; do join $name; done
until_true 20 "no round is committed" round_is_at_least 5
"$shoal" status "$address" --kit operator | head -n 8

say "the server is killed, and goes on where it was"
kill -KILL "$server"
wait "$server" 2> /dev/null
serve "$address" runs
echo "incarnation two begins with round $(round)"
wait "$server" || give_up "the server ends with $?"
tail -n 5 server.log
wait

say "another run; its server has an endpoint for Prometheus"
serve 127.0.0.1:0 second --set method.rounds=1000000 --metrics 127.0.0.1:0
for name in clinic-a clinic-b clinic-c; do join $name; done
until_true 20 "no round is committed" round_is_at_least 5
metrics=$(sed -n 's/^metrics: //p' server.log)
if command -v curl > /dev/null; then
  curl -s "$metrics" | grep '^shoal_r' || give_up "no metrics at $metrics"
else
  echo "$metrics (no curl here to fetch it)"
fi

say "clinic-c is revoked: the server reads the list again within 10 s"
"$shoal" ca revoke clinic-c
until_true 30 "clinic-c is still there" grep -q "thrown us out.*revoked" clinic-c.log
before=$(round)
until_true 20 "the others do not go on" round_is_at_least $((before + 5))
cat clinic-c.log
echo "and it does not come back:"
"$shoal" join "$address" --kit clinic-c --data clinic-c.csv --give-up 2 &&
  give_up "a revoked member was let in"
grep -h '"refused"' second/federation/audit.jsonl | tail -n 1

say "the operator stops the server; the same command would go on"
kill -TERM "$server"
wait "$server"
[ $? -eq 130 ] || give_up "the server was stopped and ends with $?"
tail -n 1 server.log
say "all fine"
