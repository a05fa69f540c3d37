#!/usr/bin/env bash
# Compares airgap serve with two registries that have the same images: crane registry
# serve, which keeps them in memory, and docker-registry, which keeps them on disk. 32 clients
# pull eight images each, 256 clients two each. The servers take turns, three times, and the
# minimum of each figure counts. Prints the rows of docs/performance.md.
#
#   scripts/bench-serve.sh          32 and 256 clients
#   CLIENTS="8 64" ROUNDS=5 scripts/bench-serve.sh
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

# The base contains Go's own source, in place of a distribution.
goroot=$(go env GOROOT)
mkdir "$work/context"
cp -r "$goroot/src/cmd" "$work/context/base"
printf 'FROM scratch\nCOPY base /base\nARG PROGRAM\nCOPY $PROGRAM /bin/program\n' >"$work/context/Dockerfile"
start crane "$work/crane" registry serve --address 127.0.0.1:0
crane=$address
servers=("crane registry serve|$address|$pid")
printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $work/registry}}" 'http: {addr: "127.0.0.1:0"}' \
  'log: {level: info, accesslog: {disabled: true}}' >"$work/registry.yml"
start docker-registry docker-registry serve "$work/registry.yml"
docker=$address
servers+=("docker-registry|$address|$pid")
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

for archive in uncompressed.tar uncompressed.tar.zst original.tar original.tar.zst; do
  start "$archive" "$work/slipway" airgap serve --addr 127.0.0.1:0 "$work/$archive"
  servers+=("slipway airgap serve, $archive|$address|$pid")
done

# ticks PID: the processor time of a process so far, in ticks of the kernel.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }

# measure NAME ADDRESS PID CLIENTS: a line with seconds, images, MB, the server's seconds of
# processor time and the clients'.
measure() {
  local before took
  before=$(ticks "$3")
  TIMEFORMAT='%U %S'
  took=$({ time "$work/pull" "$2" "$4" "${wanted[@]}" 2>&3; } 3>&2 2>"$work/clients")
  awk -v name="$1" -v clients="$4" -v took="$took" -v ticks=$(($(ticks "$3") - before)) -v hz="$(getconf CLK_TCK)" \
    '{split(took, t, " "); printf "%s|%d|%s|%d|%d|%.3f|%.3f\n", name, clients, t[1], t[2], t[3], ticks / hz, $1 + $2}' "$work/clients" >>"$work/results"
}

echo "| server | clients | time | throughput | server's processor time for 1 GB | with the clients' | peak memory |"
echo "|---|--:|--:|--:|--:|--:|--:|"
for clients in ${CLIENTS:-32 256}; do
  # Many clients pull fewer images, which takes long enough.
  wanted=("${images[@]}")
  [ "$clients" -lt 100 ] || wanted=("${images[@]:0:2}")
  # 5 resets the peak of resident memory (proc(5), clear_refs).
  for server in "${servers[@]}"; do echo 5 >"/proc/${server##*|}/clear_refs"; done
  for _ in $(seq "${ROUNDS:-3}"); do
    for server in "${servers[@]}"; do
      IFS='|' read -r name address pid <<<"$server"
      measure "$name" "$address" "$pid" "$clients"
    done
  done
  for server in "${servers[@]}"; do
    IFS='|' read -r name address pid <<<"$server"
    # Other programs share the machine: the minimum of all rounds is the best estimate.
    awk -F'|' -v name="$name" -v clients="$clients" -v memory="$(awk '/VmHWM/ {print $2 / 1024}' "/proc/$pid/status")" '
      function least(a, b) { return a == "" || b < a ? b : a }
      $1 == name && $2 == clients { gb = $5 / 1000; time = least(time, $3); server = least(server, $6 / gb); all = least(all, ($6 + $7) / gb) }
      END { printf "| %s | %d | %.1f s | %.0f MB/s | %.2f s | %.2f s | %.0f MiB |\n", name, clients, time, gb * 1000 / time, server, all, memory }' "$work/results"
  done
done
