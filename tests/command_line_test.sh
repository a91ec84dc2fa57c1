#!/bin/sh
# Wrong input to `shoal`: one clear line that says what and where, exit code 2, nothing half-written.
# And what Ctrl-C, --resume and several threads leave.
set -u
shoal=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

fail() { echo "FAILED: $1"; failures=$((failures + 1)); }

# refuses NAME PATTERN COMMAND...: exit 2, one line on stderr that matches, no folder made.
refuses() {
  name=$1; pattern=$2; shift 2
  rm -rf out
  "$@" > stdout 2> stderr
  code=$?
  [ "$code" -eq 2 ] || fail "$name: exit code $code, not 2"
  [ "$(wc -l < stderr)" -eq 1 ] || fail "$name: not one line on the error stream: $(cat stderr)"
  grep -Eq "$pattern" stderr || fail "$name: says '$(cat stderr)'"
  [ ! -e out ] || fail "$name: left something behind"
}

cat > good.toml <<'T'
[data]
kind = "digits"
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = 8
[method]
kind = "fedavg"
rounds = 12
cohort = 4
learning_rate = 0.3
T
cat > ring.toml <<'T'
[data]
kind = "digits"
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = 8
[topology]
kind = "ring"
[method]
kind = "dpsgd"
steps = 10
T

run="$shoal run --quiet --out out"
refuses "misspelt setting" "did you mean 'ratio'" $run good.toml --set codec.kind=top_k --set codec.ration=0.1
refuses "misspelt method" "did you mean 'fedavg'" $run good.toml --set method.kind=fedavgg
refuses "misspelt section" "did you mean 'method'" $run good.toml --set methd.rounds=3
refuses "out of range" "learning_rate.*must be > 0" $run good.toml --set method.learning_rate=-1
refuses "not a number" "rounds.*must be an integer" $run good.toml --set method.rounds=many
refuses "cohort too large" "cohort of 9 from 8" $run good.toml --set method.cohort=9
refuses "too many faults" "trimmed_mean" $run good.toml --set rule.kind=trimmed_mean --set rule.faults=2
refuses "liars without attack" "no \[attack\]" $run good.toml --set nodes.liars=2
refuses "cyclic graph for RelaySGD" "RelaySum needs a tree.*cycle" $run ring.toml --set method.kind=relaysgd
refuses "D2 on a ring" "lambda_min > -1/3" $run ring.toml --set method.kind=d2
refuses "missing experiment" "cannot open nowhere.toml" $run nowhere.toml
refuses "missing data set" "dataset-fashion-mnist" $run good.toml --set data.kind=fashion_mnist --set data.folder=/nowhere
printf 'rounds = = 3\n' > broken.toml
refuses "broken TOML" "broken.toml: line 1" $run broken.toml

# Files that are truncated or lie.
printf '\000\000\010\003\377\377\377\377\377\377\377\377\377\377\377\377' > lying.idx
printf '\000\000\010\003' > short.idx
printf 'a,b,label\n1,2,0\n1,x,1\n' > bad.csv
printf '\223NUMPY\001\000\020\000{garbage header}' > bad.npy
for case in "idx lying.idx" "idx short.idx" "npy bad.npy"; do
  set -- $case
  refuses "$2" "$2" $run good.toml --set data.kind=$1 --set data.train_features="\"$2\"" \
    --set data.train_labels="\"$2\"" --set data.test_features="\"$2\"" --set data.test_labels="\"$2\""
done
refuses "bad.csv" "bad.csv.*line 3" $run good.toml --set data.kind=csv --set data.train=\"bad.csv\" \
  --set data.test=\"bad.csv\" --set data.label=label

# A folder that cannot be written: a file stands where the folder should be.
printf 'x' > blocked
"$shoal" run --quiet good.toml --out blocked/sub > stdout 2> stderr
[ $? -eq 2 ] && grep -q "blocked" stderr || fail "unwritable folder: '$(cat stderr)'"

# A full disk at a checkpoint, as far as write() can tell: no file may grow beyond 8 blocks.
"$shoal" run --quiet good.toml --out full --set report.checkpoint_every=3 --stop-after 4 > /dev/null 2>&1
cp full/good/checkpoint/newest.txt before.txt
( trap '' XFSZ; ulimit -f 8; "$shoal" run --quiet good.toml --out full --resume \
    --set report.checkpoint_every=3 --set report.tensorboard=false > stdout 2> stderr )
code=$?
[ "$code" -eq 2 ] || fail "full disk: exit code $code: $(cat stderr)"
grep -Eq "cannot (write|close).*" stderr || fail "full disk: says '$(cat stderr)'"
cmp -s before.txt full/good/checkpoint/newest.txt || fail "full disk: the old checkpoint is gone"
ls full/good/checkpoint | grep -q tmp && fail "full disk: a temporary file was left"

# Threads, stopping and resuming leave the same bytes.
"$shoal" run --quiet good.toml --out one --threads 1 > /dev/null || fail "run with 1 thread"
"$shoal" run --quiet good.toml --out two --threads 2 > /dev/null || fail "run with 2 threads"
for round in 0 1 5 11; do
  rm -rf parts
  "$shoal" run --quiet good.toml --out parts --stop-after $round > /dev/null 2>&1
  [ $? -eq 130 ] || [ $round -eq 11 ] || fail "stop after round $round"
  "$shoal" run --quiet good.toml --out parts --resume > /dev/null || fail "resume after $round"
  cmp -s one/good/ledger.jsonl parts/good/ledger.jsonl || fail "ledger after resuming at $round"
  cmp -s one/good/model.safetensors parts/good/model.safetensors || fail "model after resuming at $round"
done
cmp -s one/good/ledger.jsonl two/good/ledger.jsonl || fail "ledger differs between 1 and 2 threads"
cmp -s one/good/model.safetensors two/good/model.safetensors || fail "model differs between threads"
"$shoal" run --quiet good.toml --out parts --stop-after 3 > /dev/null 2>&1
"$shoal" run --quiet good.toml --out parts --resume --seed 9 > stdout 2> stderr
[ $? -eq 2 ] && grep -q "another experiment" stderr || fail "resuming another experiment: '$(cat stderr)'"

# The authority: made once; kits are written once; what is refused issues nothing.
"$shoal" ca init --folder authority > /dev/null || fail "ca init"
refuses "a second authority" 'never overwritten' "$shoal" ca init --folder authority
refuses "no authority" 'shoal ca init' "$shoal" ca issue alpha --folder nowhere --out out
refuses "name of a member" 'is no name' "$shoal" ca issue 'B a' --folder authority --out out
refuses "host of a member" 'is for servers' \
  "$shoal" ca issue alpha --host h --folder authority --out out
"$shoal" ca issue alpha --folder authority --out kit > /dev/null || fail "ca issue"
refuses "a second kit" 'give --replace' "$shoal" ca issue alpha --folder authority --out kit
"$shoal" ca issue alpha --folder authority --out kit --replace > /dev/null || fail "ca rotate"
"$shoal" ca revoke alpha --folder authority > /dev/null || fail "ca revoke"
[ "$("$shoal" ca list --folder authority | grep -c revoked)" -eq 2 ] || fail "ca list"
[ "$(stat -c %a authority/ca.key kit/alpha.key | uniq)" = 600 ] || fail "keys others can read"

# Kits and addresses: the usual mistakes of servers and members.
mistakes_over_a_network() {
"$shoal" ca issue host --server --folder authority > /dev/null || fail "ca issue of a server"
serve="$shoal server good.toml --out begun --listen"
refuses "no such address" 'write HOST:PORT' $serve 7000
refuses "beyond this machine" 'beyond this machine --kit is needed' $serve 0.0.0.0:0
refuses "no kit" 'shoal ca issue NAME' $serve 127.0.0.1:0 --kit nowhere
refuses "a member's kit" 'start kit of a member' $serve 127.0.0.1:0 --kit kit
refuses "a server's kit" 'start kit of a server' "$shoal" join localhost:1 --kit host
refuses "no revocation list" 'cannot read the revocation list' \
  "$shoal" server good.toml --out missing --listen 127.0.0.1:0 --revoked nowhere.txt
refuses "nobody to join" 'nobody listens there' "$shoal" join localhost:1 --give-up 0.5
refuses "nobody's status" 'nobody listens there' "$shoal" status localhost:1
refuses "rows that are not there" 'nowhere.csv does not exist' \
  "$shoal" join localhost:1 --data nowhere.csv
refuses "metrics for all" 'this machine only' \
  "$shoal" server good.toml --out metrics --listen 127.0.0.1:0 --metrics 0.0.0.0:0
"$shoal" run --quiet good.toml --out done --set method.rounds=2 > /dev/null || fail "a short run"
refuses "a run that is over" 'holds a run that is finished' \
  "$shoal" server good.toml --set method.rounds=2 --listen 127.0.0.1:0 --out done

# A server: its port and its folder are taken; members with the wrong rows and without a kit.
{ printf 'a,b,label\n'; printf '%s\n' 1,2,0 2,1,1 3,1,0; } > narrow.csv
"$shoal" server good.toml --own-data --listen 127.0.0.1:0 --kit host --out served --quiet \
  --address-file address.txt > /dev/null 2>&1 &
server=$!
for try in $(seq 100); do [ -s address.txt ] && break; sleep 0.1; done
port=$(sed 's/.*://' address.txt)
refuses "a port that is taken" 'the port is taken' \
  "$shoal" server good.toml --listen "127.0.0.1:$port" --out elsewhere --kit host
refuses "a folder that is taken" 'stop it first' \
  "$shoal" server good.toml --listen 127.0.0.1:0 --kit host --out served
refuses "another experiment" 'a run of another experiment' \
  "$shoal" server good.toml --listen 127.0.0.1:0 --kit host --out served --set method.rounds=9
refuses "without a kit" 'needs --kit' "$shoal" join "localhost:$port" --give-up 0.5
"$shoal" ca init --folder stranger > /dev/null
"$shoal" ca issue alpha --folder stranger --out strange > /dev/null
refuses "a kit of another authority" 'not of the authority in our start kit' \
  "$shoal" join "localhost:$port" --kit strange --give-up 0.5
"$shoal" ca issue beta --folder authority --out beta > /dev/null
refuses "another name" "made out to 'beta'" "$shoal" join "localhost:$port" --kit beta --name gamma
refuses "rows of another width" '2 features a row; .* have 64' \
  "$shoal" join "localhost:$port" --kit beta --data narrow.csv
kill -TERM $server
wait $server
[ $? -eq 130 ] || fail "a server that is stopped"
}
# Peers with a model of 5.6 MB, each a process: what they observe reaches the ledger in parts.
large_peers() {
cat > large.toml <<'T'
[data]
kind = "synthetic_logistic"
rows = 20
features = 700000
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = 3
[topology]
kind = "ring"
[method]
kind = "dpsgd"
steps = 2
T
"$shoal" local --quiet large.toml --out peers > stdout 2> stderr
"$shoal" run --quiet large.toml --out simulated > /dev/null || fail "large.toml"
cmp -s peers/large/model.safetensors simulated/large/model.safetensors ||
  fail "models of peers that are processes: '$(cat stderr)'"
[ "$(grep -c test_accuracy peers/large/ledger.jsonl)" -eq 2 ] || fail "ledger of peers"
}
if "$shoal" status localhost:1 2>&1 | grep -q "has no gRPC"; then
  echo "built without gRPC: nothing to say about servers"
else
  mistakes_over_a_network
  large_peers
fi

# A codec on an array of one's own.
{ printf '\223NUMPY\001\000v\000'
  printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
  printf '\000\000\200\077\000\000\000\300\000\000\100\100\000\000\200\076'; } > x.npy
"$shoal" encode x.npy --codec topk:k=2 -o x.bin > stdout || fail "encode: '$(cat stdout)'"
grep -q "entries   4 in 1 tensor" stdout && grep -q "error     1.0307" stdout || fail "encode says '$(cat stdout)'"
"$shoal" decode x.bin -o y.npy > /dev/null || fail "decode"
[ "$(od -An -tf4 -j128 y.npy | tr -s ' \n' ' ')" = " 0 -2 3 0 " ] || fail "decoded: $(od -An -tf4 -j128 y.npy)"
"$shoal" encode y.npy --codec dense -o y.bin > /dev/null && "$shoal" decode y.bin -o z.npy > /dev/null
cmp -s y.npy z.npy || fail "a dense round trip keeps every byte"
"$shoal" decode x.npy -o y.npy 2>&1 | grep -q "does not begin with SHOALENC" || fail "decode of another file"
"$shoal" encode x.npy --codec topk:k -o x.bin 2>&1 | grep -q "name=value" || fail "a setting without a value"

# A rule on a matrix of one's own: rows (0, 0), (2, 0), (0, 2), (30, 40).
matrix() { # SHAPE TYPE, then the numbers from stdin
  printf '\223NUMPY\001\000v\000'
  printf "%-117s\n" "{'descr': '$2', 'fortran_order': False, 'shape': $1, }"
}
{ matrix '(4, 2)' '<f4'
  printf '\000\000\000\000\000\000\000\000\000\000\000\100\000\000\000\000'
  printf '\000\000\000\000\000\000\000\100\000\000\360\101\000\000\040\102'; } > rows.npy
numbers() { od -An -tf4 -j128 "$1" | tr -s ' \n' ' '; }
"$shoal" aggregate --rule centredclipping:tau=1 --f 1 rows.npy -o sum.npy > stdout 2> stderr || fail "aggregate: '$(cat stderr)'"
[ "$(numbers sum.npy)" = " 0.4 0.45 " ] || fail "aggregated: $(numbers sum.npy)"
grep -q "kept      4 of 4 rows" stdout && grep -Eq "^ +3  yes +50 " stdout || fail "aggregate says '$(cat stdout)'"
"$shoal" aggregate --rule nnm,smea --f 1 rows.npy -o sum.npy > stdout || fail "a rule after another stage"
[ "$(numbers sum.npy)" = " 0.6666667 0.6666667 " ] || fail "nnm, smea: $(numbers sum.npy)"
"$shoal" aggregate --rule smea --f 1 rows.npy -o sum.npy > stdout
grep -Eq "^ +3  no " stdout && grep -q "kept      3 of 4 rows" stdout || fail "smea says '$(cat stdout)'"
{ matrix '(4,)' '<f4'
  printf '\000\000\000\000\000\000\200\077\000\000\000\000\000\000\200\077'; } > weights.npy
"$shoal" aggregate --rule mean --weights weights.npy rows.npy -o sum.npy > /dev/null || fail "weights"
[ "$(numbers sum.npy)" = " 16 20 " ] || fail "weighted: $(numbers sum.npy)"
{ matrix '(1, 2)' '<f8'
  printf '\000\000\000\000\000\000\360\077\232\231\231\231\231\231\271\077'; } > double.npy
"$shoal" aggregate --rule mean double.npy -o sum.npy | grep -q "float64; rounded to float32" || fail "float64"
[ "$(numbers sum.npy)" = " 1 0.1 " ] || fail "from float64: $(numbers sum.npy)"
{ matrix '(2, 1)' '<f4'; printf '\000\000\200\077\000\000\200\177'; } > infinite.npy
refuses "an infinite row" "row 1 of infinite.npy has entry 0 = inf; leave that row out" "$shoal" aggregate --rule mean infinite.npy -o out
refuses "too many liars" "trimmed_mean needs n > 2f = 4 and 4 rows arrived" "$shoal" aggregate --rule trimmed_mean --f 2 rows.npy -o out
refuses "an unknown rule" "unknown rule 'geometric_mediam'; did you mean 'geometric_median'" "$shoal" aggregate --rule geometric_mediam rows.npy -o out
refuses "no such stage" "unknown pre-aggregator 'mean'" "$shoal" aggregate --rule mean,mean rows.npy -o out
refuses "a setting out of range" "tau" "$shoal" aggregate --rule centred_clipping:tau=0 rows.npy -o out
refuses "a vector of rows" "weights.npy has 1 dimensions; give a matrix with one row a sender" "$shoal" aggregate --rule mean weights.npy -o out
refuses "weights of other rows" "weights.npy has 4 entries and 1 are needed" "$shoal" aggregate --rule mean --weights weights.npy double.npy -o out

# What teaches: every command has a help, lists list, the reference page is the one in docs/.
for command in run compare sweep grid study list explain check partition aggregate encode decode ca server join local status; do
  "$shoal" $command --help > /dev/null || fail "$command --help"
done
"$shoal" explain topk | grep -q ratio || fail "explain topk"
"$shoal" explain --markdown > settings.md
cmp -s settings.md "$source/docs/settings.md" || fail "docs/settings.md is out of date: shoal explain --markdown > docs/settings.md"
"$shoal" check good.toml > /dev/null || fail "check"

[ "$failures" -eq 0 ] && echo "all fine"
exit "$failures"
