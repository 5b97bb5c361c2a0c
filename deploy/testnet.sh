#!/usr/bin/env bash
# A consortium of four members on this machine: four folders, four processes that
# reach each other over loopback, and files that go between them. It is the topology
# of compose.yaml, and every step is one that members take (docs/operations.md).
#
#   deploy/testnet.sh           runs until Ctrl-C
#   deploy/testnet.sh --once    stops after it has tested itself
#
#   ZKCONSENT_TESTNET_ONCE=1    the same as --once
#   ZKCONSENT_TESTNET_P2P       four addresses for nodes, default 127.0.0.1:7401 … 7404
#   ZKCONSENT_TESTNET_DIR       where to keep the folders, default: temporary, removed at the end
#   ZKCONSENT                   the program, default: bin/zkconsent of this repository
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${ZKCONSENT:-$root/bin/zkconsent}
once=${ZKCONSENT_TESTNET_ONCE:-}
[ "${1:-}" = --once ] && once=1
read -r -a p2p <<<"${ZKCONSENT_TESTNET_P2P:-127.0.0.1:7401 127.0.0.1:7402 127.0.0.1:7403 127.0.0.1:7404}"
members=(hospital-a hospital-b insurer-c patients-d)
nodes=()

if [ -n "${ZKCONSENT_TESTNET_DIR:-}" ]; then
  dir=$ZKCONSENT_TESTNET_DIR
  mkdir -p "$dir"
else
  dir=$(mktemp -d "${TMPDIR:-/tmp}/zkconsent-testnet-XXXXXX")
fi

finish() {
  trap - EXIT
  if [ ${#nodes[@]} -gt 0 ]; then
    kill "${nodes[@]}" 2>/dev/null || true
    wait "${nodes[@]}" 2>/dev/null || true
  fi
  [ -n "${ZKCONSENT_TESTNET_DIR:-}" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$dir"
say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
# as PARTY VERB … runs a party's command line, in that party's folder.
as() { local party=$1; shift; "$program" --home "$party" "$@"; }
id_of()  { as "$1" authority key | awk '$1 == "id"  { print $2 }'; }
key_of() { as "$1" authority key | awk '$1 == "key" { print $2 }'; }

"$program" keys setup >keys.log # development keys, once, into a cache

# Each member makes its keys on its own machine and sends a card away: the public
# parts. The first three are the stewards.
mkdir -p post
for i in 0 1 2 3; do
  m=${members[$i]} steward=()
  if [ "$i" -lt 3 ]; then
    as "$m" authority key >/dev/null
    steward=(--steward)
  fi
  as "$m" node card --name "$m" --address "${p2p[$i]}" "${steward[@]}" --out "post/$m.zkc" >/dev/null
done
cards=(); for m in "${members[@]}"; do cards+=(--member "post/$m.zkc"); done

# One makes the genesis; the others compare its hash, by telephone, and take it.
as hospital-a node init --chain testnet --development-keys "${cards[@]}" --stewards 2 \
  --every-block --epoch 60 --max-head-age 60 --heartbeat 6 --pow-bits 12 --revoke-delay 2 >init.log
cp hospital-a/genesis.zkc post/
hash=$(awk '/genesis/ { print $NF; exit }' init.log)
for m in hospital-b insurer-c patients-d; do
  as "$m" node join post/genesis.zkc "${cards[@]}" --hash "$hash" --yes >"join-$m.log"
done
say "four members, genesis ${hash:0:16}…"

start() { # number of the member
  local m=${members[$1]}
  "$program" --home "$m" node start --p2p "${p2p[$1]}" --listen 127.0.0.1:0 --rest '' --ready-file "$m.ready" >"$m.log" 2>&1 &
  nodes[$1]=$!
}
for i in 0 1 2 3; do start "$i"; done
for m in "${members[@]}"; do
  as "$m" node status --wait 60s >status.log || { cat status.log "$m.log"; exit 1; }
done
say "four nodes make blocks"

# decide KIND ARGUMENTS … is a decision of two stewards: one proposes, one approves,
# and anybody submits it.
grpc_of() { cat "$1.ready"; }
decide() {
  as hospital-a --node "$(grpc_of hospital-a)" steward propose "$@" --out post/proposal.zkc >/dev/null
  as insurer-c --node "$(grpc_of insurer-c)" steward approve post/proposal.zkc --yes >/dev/null
  as patients-d --node "$(grpc_of patients-d)" steward submit post/proposal.zkc >/dev/null
}
for party in registrar insurer research patient; do mkdir -p "$party"; cp post/genesis.zkc "$party/"; done
decide authority --key "$(key_of registrar)" --name 'Example Hospital' --uri https://hospital.example.org --roles registrar
decide authority --key "$(key_of insurer)" --name 'Example Insurer' --uri https://insurer.example.org --roles verifier
decide authority --key "$(key_of research)" --name 'Example Research Institute' --uri https://research.example.org --roles verifier
say "two of three stewards have added three authorities"

# A patient's consent goes in through one member's node and is found through another's.
printf 'correct horse battery staple\n' >passphrase
chmod 600 passphrase
export ZKCONSENT_PASSPHRASE_FILE=$dir/passphrase
as patient --node "$(grpc_of hospital-b)" wallet init --work-factor 12 --words-out words >/dev/null
as patient --node "$(grpc_of hospital-b)" consent import "$root/consent/fhir/demo/consent.json" >/dev/null
as patient --node "$(grpc_of hospital-b)" consent grant --registrar "$(id_of registrar)" --out post/sealed.zkc >/dev/null
as registrar --node "$(grpc_of hospital-a)" registrar commit post/sealed.zkc
as patient --node "$(grpc_of patients-d)" wallet sync >/dev/null
as patient --node "$(grpc_of patients-d)" consent list | grep -q registered
say "a consent committed through hospital-a is found through patients-d"

# One of four is killed; the others go on, and it catches up.
kill -9 "${nodes[1]}"
wait "${nodes[1]}" 2>/dev/null || true
decide parameters --heartbeat 5
say "the ledger decides without hospital-b"
start 1
as hospital-b node status --wait 60s >/dev/null
say "hospital-b is back"

printf '\n%-12s %-22s %-22s %6s %6s %6s  %s\n' member clients nodes block age peers power
for i in 0 1 2 3; do
  m=${members[$i]}
  as "$m" node status | awk -v m="$m" -v g="$(grpc_of "$m")" -v p="${p2p[$i]}" '
    { gsub(",", "") }
    $1 == "block" { block = $2; age = $3 " s" }
    $1 == "peers" { peers = $2 }
    $1 == "this"  { power = $6 " of " $8 }
    END { printf "%-12s %-22s %-22s %6s %6s %6s  %s\n", m, g, p, block, age, peers, power }'
done

if [ -n "$once" ]; then
  say "done"
  exit 0
fi
cat <<END

The folders are in $dir. Ask a node for what its validators signed:
  ZKCONSENT_NODE=$(grpc_of patients-d) $program --home $dir/patient registry status
Ctrl-C stops the four nodes.
END
wait "${nodes[@]}"
