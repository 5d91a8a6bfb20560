#!/bin/sh
# From a founded installation, a folder for each process with the keys that it needs and no others.
#
#     deploy/homes.sh FOUNDED TARGET        makes TARGET/service, TARGET/rtgs, TARGET/agent-1 … agent-4
#
# The service's folder has the wallets of all participants, as in a rehearsal: elsewhere each keeps its own. FOUNDED
# keeps everything else (deployer, registrar, issuer, officer, confirmer): take it offline.
set -eu
founded=$1 target=$2
umask 077
bic=$(sed -n 's/^service = "\([A-Z0-9]*\)".*/\1/p' "$founded/market.toml")

folder() {
    mkdir -p "$target/$1/keys"
    cp "$founded/market.toml" "$founded/network.json" "$target/$1/"
}
keys() {
    where=$1
    shift
    for name in "$@"; do cp "$founded/keys/$name" "$target/$where/keys/"; done
}

folder service
keys service password salt.key "rtgs-$bic.key"
cp "$founded"/keys/operator*.json "$founded"/keys/wallet-*.json "$target/service/keys/"
mkdir -p "$target/service/attestations"

folder rtgs
cp "$founded"/keys/rtgs-*.key "$target/rtgs/keys/"

for number in 1 2 3 4; do
    folder "agent-$number"
    keys "agent-$number" password "agent-$number.json" "rtgs-$(printf '%.8s' "$bic")A0$number.key"
    mkdir -p "$target/agent-$number/attestations"
done
