#!/usr/bin/env bash
# Measures archives with thousands of images: a push of all to docker-registry, a pack from that registry with nothing
# cached and with everything cached, ls, find, verify, and serve, from which one client pulls all images. Prints the
# rows of docs/performance.md: the minimum of all rounds, since other programs may share the machine.
#
#   scripts/bench-many.sh           500, 2,000 and 5,000 images
#   COUNTS=20000 ROUNDS=5 scripts/bench-many.sh
#   COUNTS= GIGABYTES="5 20" scripts/bench-many.sh      200 images with 5 and 20 GB of layers that are generated when
#                                   they are fetched, once: a pack, and verify. LEVEL is fastest by default; it takes
#                                   2.8 times the disk, and LEVEL=best 1.6 times
#
# The images have configs of 6 kB, a layer that all share, and one of their own. All files
# are in a temporary folder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
for program in docker-registry /usr/bin/time; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing; run: apt-get install docker-registry time" >&2; exit 1; }
done
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done; wait; rm -rf "$work"' EXIT
export SLIPWAY_CACHE=$work/cache
go build -C "$repo" -o "$work/slipway" ./cmd/slipway
go build -C "$repo/scripts/bench/many" -o "$work/many" .
go build -C "$repo/scripts/bench/pull" -o "$work/pull" .

answers() { { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 3>&-; }
# free: a port that nothing listens on
free() {
  port=$((20000 + RANDOM % 12000))
  while answers "$port"; do port=$((port + 1)); done
}
# end PID: ends a program that this script started
end() { kill "$1" && wait "$1" 2>/dev/null || :; }
# registry: starts an empty registry; sets address and registry, its process
registry() {
  free
  address=127.0.0.1:$port
  rm -rf "$work/registry"
  mkdir "$work/registry"
  printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $work/registry}}" "http: {addr: \"$address\"}" \
    'log: {level: error, accesslog: {disabled: true}}' >"$work/registry.yml"
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  registry=$!
  pids+=("$registry")
  until answers "$port"; do sleep 0.05; done
}

# row NAME: reads seconds, seconds of processor time and KiB of each round, and prints the least of each
row() {
  awk -v name="$1" '
    function least(a, b) { return a == "" || b < a ? b : a }
    { seconds = least(seconds, $1); processor = least(processor, $2 + $3); memory = least(memory, $4) }
    END { printf "| %s | %.2f s | %.2f s | %.0f MiB |\n", name, seconds, processor, memory / 1024 }'
}
timed() { /usr/bin/time -f "%e %U %S %M" -o "$work/time" -- "$@" >/dev/null; cat "$work/time"; }
# measure NAME COMMAND…
measure() {
  local name=$1
  shift
  for _ in $(seq "${ROUNDS:-3}"); do timed "$@"; done | row "$name"
}

echo "| | time | processor | peak memory |"
echo "|---|--:|--:|--:|"
for count in ${COUNTS-500 2000 5000}; do
  mapfile -t names < <("$work/many" "$work/layout" "$count")
  archive=$work/many.tar.zst
  pack=("$work/slipway" airgap pack --progress none --platform linux/amd64 -o "$archive")
  layout=("${pack[@]}" "${names[@]/#/oci:$work/layout:docker.io/}")
  "${layout[@]}" >/dev/null
  for _ in $(seq "${ROUNDS:-3}"); do
    registry
    timed "$work/slipway" airgap push --progress none --cache-dir "$(mktemp -d -p "$work")" "$archive" "$address" >>"$work/push"
    timed "${pack[@]}" --cache-dir "$(mktemp -d -p "$work")" "${names[@]/#/$address/}" >>"$work/cold"
    end "$registry"
  done
  row "push $count images" <"$work/push"
  row "pack from that registry, nothing cached" <"$work/cold"
  "${layout[@]}" >/dev/null
  measure "pack, everything cached" "${layout[@]}"
  measure "ls" "$work/slipway" airgap ls "$archive"
  measure "find" "$work/slipway" airgap find "docker.io/${names[-1]}" "$archive"
  measure "verify" "$work/slipway" airgap verify --progress none "$archive"
  free
  /usr/bin/time -f "%e %U %S %M" -o "$work/time" -- "$work/slipway" airgap serve --progress none --addr "127.0.0.1:$port" "$archive" >/dev/null 2>"$work/serve.log" &
  server=$!
  until answers "$port"; do kill -0 "$server" || { cat "$work/serve.log" >&2; exit 1; }; sleep 0.05; done
  "$work/pull" "127.0.0.1:$port" 1 "${names[@]}" >/dev/null
  pkill -TERM -P "$server" || :
  wait "$server" || :
  tail -1 "$work/time" | row "serve until one client has pulled all"
  rm -r "$work/layout" "$SLIPWAY_CACHE" "$archive" "$work/push" "$work/cold" "$work"/tmp.*
done

[ -n "${GIGABYTES:-}" ] || exit 0
go build -C "$repo/scripts/bench/generate" -o "$work/generate" .
level=${LEVEL:-fastest}
for size in $GIGABYTES; do
  free
  rm -f "$work/names"
  "$work/generate" "127.0.0.1:$port" 200 "${size}000000000" >"$work/names" &
  generator=$!
  pids+=("$generator")
  until [ -s "$work/names" ]; do kill -0 "$generator"; sleep 0.2; done
  mapfile -t names <"$work/names"
  archive=$work/large.tar.zst
  timed "$work/slipway" airgap pack --progress none --platform linux/amd64 --level "$level" -o "$archive" "${names[@]/#/127.0.0.1:$port/}" |
    row "pack $size GB, --level $level, nothing cached"
  echo "bench: the archive has $(du -m "$archive" | cut -f1) MiB, and the cache $(du -sm "$SLIPWAY_CACHE" | cut -f1) MiB" >&2
  timed "$work/slipway" airgap verify --progress none "$archive" | row "verify"
  end "$generator"
  rm -r "$SLIPWAY_CACHE" "$archive"
done
