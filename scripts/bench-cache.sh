#!/usr/bin/env bash
# Measures shared caches: a fresh machine packs the 15 images of scripts/bench-airgap.sh, and compiles this repository's
# program, with and without a shared cache in a registry and in a folder. Prints the rows of docs/performance.md: the
# minimum of each figure.
#
#   scripts/bench-cache.sh
#   ROUNDS=5 scripts/bench-cache.sh
#
# The images are those that scripts/bench-airgap.sh keeps; they are built first if necessary. "Fetching" is curl, which
# gets all bytes that the fresh machine needs from the same registry, four at a time.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${SLIPWAY_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-bench}
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" COSIGN_PASSWORD=
for program in docker-registry curl jq /usr/bin/time; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing; run: apt-get install docker-registry curl jq time" >&2; exit 1; }
done
[ -f "$dir/made-2" ] || "$repo/scripts/bench-airgap.sh" none
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done; wait; rm -rf "$work"' EXIT

answers() { { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 3>&-; }
# registry FOLDER: starts a registry with the data in a folder; sets address.
registry() {
  local port=$((20000 + RANDOM % 12000)) config
  while answers "$port"; do port=$((port + 1)); done
  address=127.0.0.1:$port
  config=$work/registry-$port
  mkdir -p "$1"
  printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $1}}" "http: {addr: \"$address\"}" \
    'log: {level: error, accesslog: {disabled: true}}' >"$config.yml"
  docker-registry serve "$config.yml" >"$config.log" 2>&1 &
  pids+=("$!")
  until answers "$port"; do sleep 0.05; done
}
registry "$dir/registry"
source=$address
registry "$work/caches"
caches=$address
export SLIPWAY_PLAIN_HTTP="$source $caches"

echo "bench: building slipway" >&2
slipway=$work/slipway
go build -C "$repo" -o "$slipway" ./cmd/slipway
"$slipway" key generate --output-key-prefix "$work/key" >/dev/null
curl -s "http://$source/v2/_catalog?n=1000" | jq -r '.repositories[]' | grep '^bench/' | sed "s#^#$source/#; s#\$#:v1#" >"$work/list.txt"

# measure NAME COMMAND…: runs a command with an empty content cache; adds "seconds processor" to NAME.
measure() {
  local name=$1
  shift
  rm -rf "$work/own" "$work/out"
  mkdir "$work/out"
  SLIPWAY_CACHE=$work/own /usr/bin/time -o "$work/time" -f '%e %U %S' "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  awk '{ print $1, $2 + $3 }' "$work/time" >>"$work/$name.times"
}
row() { sort -n "$work/$2.times" | awk -v what="$1" 'NR == 1 { s = $1; p = $2 } $2 < p { p = $2 } END { printf "| %s | %.2f s | %.1f s |\n", what, s, p }'; }
pack() { measure "$1" "$slipway" airgap pack --progress none --platform linux/amd64 -f "$work/list.txt" -o "$work/out/a.tar.zst" -o "$work/out/a.tar.gz" "${@:2}"; }
same() { for kind in zst gz; do [ "$(sha256sum <"$work/out/a.tar.$kind")" = "$(cat "$work/sum.$kind")" ] || { echo "bench: $1 made another .tar.$kind" >&2; exit 1; }; done; }
# fetch FILE: gets all blobs that a file with digests names.
fetch() { xargs -P4 -n8 curl -s <"$1" >/dev/null; }
export -f fetch

keys=(--cache-public-key "$work/key.pub")
place=type=registry,ref=$caches/cache
pack fill --cache-to "$place/plain"
for kind in zst gz; do sha256sum <"$work/out/a.tar.$kind" >"$work/sum.$kind"; done
pack fill --cache-to "$place/signed" --cache-to "type=local,dest=$work/folder" "${keys[@]}" --cache-key "$work/key.key"
"$slipway" cache ls --json --cache-from "$place/signed" | jq -r '.[].digest' | sort -u |
  while read -r digest; do [ ! -f "$work/caches/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data" ] || echo "http://$caches/v2/cache/signed/blobs/$digest"; done >"$work/needed"

for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  echo "bench: round $round" >&2
  pack none; same none
  pack plain --cache-from "$place/plain"; same plain
  pack signed --cache-from "$place/signed" "${keys[@]}"; same signed
  pack folder --cache-from "type=local,src=$work/folder" "${keys[@]}"; same folder
  measure fetch bash -c "fetch $work/needed"
done
printf '%s\n' '| pack of 15 images, nothing cached on the machine | time | processor time |' '|---|--:|--:|'
row "without a shared cache" none
row "registry, without a key" plain
row "registry, signed" signed
row "folder, signed" folder
row "curl of the same bytes from that registry" fetch

export SLIPWAY_CACHE_PUBLIC_KEY=$work/key.pub SLIPWAY_CACHE_FROM=type=registry,ref=$caches/cache/go
compile() { measure "$1" go build -C "$repo" -o "$work/out/slipway" ./cmd/slipway; }
echo "bench: compiling" >&2
export GOCACHE=$work/gocache
compile cold
GOCACHEPROG="$slipway cache go --cache-to $SLIPWAY_CACHE_FROM --cache-key $work/key.key" compile filling
for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
  compile warm
  GOCACHEPROG="$slipway cache go" compile shared
done
"$slipway" cache ls --json | jq -r '.[].digest' | sort -u |
  while read -r digest; do [ ! -f "$work/caches/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data" ] || echo "http://$caches/v2/cache/go/blobs/$digest"; done >"$work/needed"
measure fetchgo bash -c "fetch $work/needed"
printf '%s\n' '' '| go build of this program | time | processor time |' '|---|--:|--:|'
row "empty cache" cold
row "Go's own cache, warm" warm
row "fresh machine, shared cache in a registry" shared
row "curl of the outputs from that registry" fetchgo
