#!/usr/bin/env bash
# Measures airgap ls, find, verify and a cached pack of archives with thousands of images.
# Prints the rows of docs/performance.md: the minimum of all rounds, since other programs may
# share the machine.
#
#   scripts/bench-many.sh           500, 2,000 and 5,000 images
#   COUNTS=20000 ROUNDS=5 scripts/bench-many.sh
#
# The images have configs of 6 kB, a layer that all share, and one of their own. All files
# are in a temporary folder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
[ -x /usr/bin/time ] || { echo "bench: /usr/bin/time is missing; run: apt-get install time" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SLIPWAY_CACHE=$work/cache
go build -C "$repo" -o "$work/slipway" ./cmd/slipway
go build -C "$repo/scripts/bench/many" -o "$work/many" .

# measure NAME COMMAND…: seconds, seconds of processor time and KiB, the least of each.
measure() {
  local name=$1
  shift
  for _ in $(seq "${ROUNDS:-3}"); do
    /usr/bin/time -f "%e %U %S %M" -o "$work/time" -- "$@" >/dev/null
    cat "$work/time"
  done | awk -v name="$name" '
    function least(a, b) { return a == "" || b < a ? b : a }
    { seconds = least(seconds, $1); processor = least(processor, $2 + $3); memory = least(memory, $4) }
    END { printf "| %s | %.2f s | %.2f s | %.0f MiB |\n", name, seconds, processor, memory / 1024 }'
}

echo "| | time | processor | peak memory |"
echo "|---|--:|--:|--:|"
for count in ${COUNTS:-500 2000 5000}; do
  mapfile -t names < <("$work/many" "$work/layout" "$count")
  archive=$work/many.tar.zst
  pack=("$work/slipway" airgap pack --progress none --platform linux/amd64 -o "$archive" "${names[@]/#/oci:$work/layout:docker.io/}")
  "${pack[@]}" >/dev/null
  measure "pack $count images, everything cached" "${pack[@]}"
  measure "ls" "$work/slipway" airgap ls "$archive"
  measure "find" "$work/slipway" airgap find "docker.io/${names[-1]}" "$archive"
  measure "verify" "$work/slipway" airgap verify --progress none "$archive"
  rm -r "$work/layout" "$SLIPWAY_CACHE" "$archive"
done
