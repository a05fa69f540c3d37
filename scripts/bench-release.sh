#!/usr/bin/env bash
# Measures this repository's own release, step by step, and prints a table: seconds and
# peak memory (MiB) of the slipway process, excluding compilers unless stated otherwise.
#
#   scripts/bench-release.sh           with the existing Go cache
#   COLD=1 scripts/bench-release.sh    also measures the first `make` with an empty Go cache
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
git clone -q . "$temp/clone"
cd "$temp/clone"
export SLIPWAY_CACHE=$temp/cache PROGRESS=none CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"

measure() { # measure NAME COMMAND…
  local name=$1
  shift
  /usr/bin/time -f '%e %M' -o "$temp/time" "$@" >"$temp/out" 2>&1 || { cat "$temp/out" >&2; exit 1; }
  awk -v name="$name" '{printf "| %-58s | %7.2f | %6.0f |\n", name, $1, $2/1024}' "$temp/time"
}

echo "| step                                                       | seconds | MiB    |"
echo "|------------------------------------------------------------|--------:|-------:|"
[ -z "${COLD:-}" ] || GOCACHE=$temp/gocache measure "make, nothing in the Go cache (compilers included)" make
go build -o "$temp/slipway" ./cmd/slipway
slipway=$temp/slipway
measure "build, Go cache warm (compilers included)" "$slipway" build
rm -rf dist/oci "$SLIPWAY_CACHE/content"
measure "build --only images, binaries there, nothing cached" "$slipway" build --only images
make >/dev/null 2>&1 # compiles the magefile
measure "make, nothing changed" make
measure "slipway build, nothing changed" "$slipway" build
measure "package, nothing cached" "$slipway" package
rm -rf dist/artifacts
measure "package, all frames cached" "$slipway" package
measure "package, nothing changed" "$slipway" package
measure "verify" "$slipway" verify
