#!/usr/bin/env bash
# Compares airgap serve with two registries that have the same images: crane registry
# serve, which keeps them in memory, and docker-registry, which keeps them on disk. 32 and
# 256 clients pull all images concurrently. Prints the rows of docs/performance.md.
#
#   scripts/bench-serve.sh          32 and 256 clients
#   CLIENTS="8 64" scripts/bench-serve.sh
#
# The images are programs of the Go installation on a common base; crane is built from the
# Go module proxy. All files are in a temporary folder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
for program in docker-registry tar; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing; run: apt-get install docker-registry tar" >&2; exit 1; }
done
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done; wait; rm -rf "$work"' EXIT
export SLIPWAY_CACHE=$work/cache

echo "bench: building slipway, crane and the clients" >&2
go build -C "$repo" -o "$work/slipway" ./cmd/slipway
go build -C "$repo/scripts/bench/pull" -o "$work/pull" .
version=$(go -C "$repo" list -m -f '{{.Version}}' github.com/google/go-containerregistry)
GOBIN=$work go install "github.com/google/go-containerregistry/cmd/crane@$version"

# start NAME COMMAND…: start a server, and wait until it prints its port.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  pids+=($!)
  pid=$!
  for _ in $(seq 600); do
    port=$(grep -aoE '(127\.0\.0\.1:|serving on port )[0-9]+' "$work/$name.log" | grep -oE '[0-9]+$' | head -1 || :)
    address=127.0.0.1:$port
    [ -z "$port" ] || return 0
    kill -0 "$pid" || { cat "$work/$name.log" >&2; exit 1; }
    sleep 0.1
  done
  echo "bench: $name did not start" >&2
  exit 1
}

stop() { kill "$pid"; wait "$pid" 2>/dev/null || :; }

# The base contains Go's own source, in place of a distribution.
goroot=$(go env GOROOT)
mkdir "$work/context"
cp -r "$goroot/src/cmd" "$work/context/base"
printf 'FROM scratch\nCOPY base /base\nARG PROGRAM\nCOPY $PROGRAM /bin/program\n' >"$work/context/Dockerfile"
start crane "$work/crane" registry serve --address 127.0.0.1:0
crane=$address crane_pid=$pid
printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $work/registry}}" 'http: {addr: "127.0.0.1:0"}' \
  'log: {level: info, accesslog: {disabled: true}}' >"$work/registry.yml"
start docker-registry docker-registry serve "$work/registry.yml"
docker=$address docker_pid=$pid
images=()
for program in $(find "$goroot/bin" "$goroot/pkg/tool" -type f -size +1M | sort | head -8); do
  name=bench/$(basename "$program"):v1
  cp "$program" "$work/context/$(basename "$program")"
  "$work/slipway" image build --platform linux/amd64 --build-arg "PROGRAM=$(basename "$program")" -t "$crane/$name" -t "$docker/$name" -o push "$work/context" >/dev/null
  images+=("$name")
done
for layers in uncompressed original; do
  "$work/slipway" airgap pack --platform linux/amd64 --layers "$layers" -o "$work/$layers.tar" -o "$work/$layers.tar.zst" "${images[@]/#/$crane/}" >/dev/null
done

# measure NAME ADDRESS PID CLIENTS
measure() {
  local took
  took=$("$work/pull" "$2" "$4" "${images[@]}")
  # shellcheck disable=SC2086
  set -- "$1" "$2" "$3" "$4" $took
  printf '| %s | %s | %s s | %.0f | %.0f MB/s | %s MiB |\n' "$1" "$4" "$5" "$(awk "BEGIN {print $6 / $5}")" "$(awk "BEGIN {print $7 / $5}")" \
    "$(awk '/VmHWM/ {printf "%.0f", $2 / 1024}' "/proc/$3/status")"
}

echo "| server | clients | time | images/s | throughput | peak memory |"
echo "|---|--:|--:|--:|--:|--:|"
for clients in ${CLIENTS:-32 256}; do
  measure "crane registry serve" "$crane" "$crane_pid" "$clients"
  measure "docker-registry" "$docker" "$docker_pid" "$clients"
  for archive in uncompressed.tar uncompressed.tar.zst original.tar original.tar.zst; do
    start "$archive" "$work/slipway" airgap serve --addr 127.0.0.1:0 "$work/$archive"
    measure "slipway airgap serve, $archive" "$address" "$pid" "$clients"
    stop
  done
done
