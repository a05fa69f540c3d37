#!/usr/bin/env bash
# Compares airgap push with skopeo, crane and regctl: 14 images in archives of each kind, or in a registry,
# are pushed to a fresh docker-registry. Each run starts an empty registry; the commands take turns, three
# times, and the minimum of each figure counts. Prints the rows of docs/performance.md.
#
#   scripts/bench-push.sh
#   ROUNDS=5 scripts/bench-push.sh
#   SLIPWAY=/path/to/slipway scripts/bench-push.sh      measures another build
#
# The images are programs of the Go installation on two common bases. crane and regctl are built from the
# Go module proxy; without regctl, its row is left out. skopeo and crane read docker-archive, uncompressed, since
# they have to decompress others into a temporary file for each image. All files are in a temporary folder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
for program in docker-registry skopeo zstd /usr/bin/time; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing; run: apt-get install docker-registry skopeo zstd time" >&2; exit 1; }
done
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done; wait; rm -rf "$work"' EXIT
export SLIPWAY_CACHE=$work/cache

echo "bench: building slipway, crane and regctl" >&2
slipway=${SLIPWAY:-$work/slipway}
[ -n "${SLIPWAY:-}" ] || go build -C "$repo" -o "$slipway" ./cmd/slipway
version=$(go -C "$repo" list -m -f '{{.Version}}' github.com/google/go-containerregistry)
GOBIN=$work go install "github.com/google/go-containerregistry/cmd/crane@$version"
[ -z "${TOOLS:-}" ] || cp "$TOOLS"/regctl "$work/"; [ -x "$work/regctl" ] || GOBIN=$work go install github.com/regclient/regclient/cmd/regctl@latest || echo "bench: skipping regctl: it could not be built" >&2

answers() { { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 3>&-; }
# registry FOLDER: start a registry with the data in a folder; sets address and pid.
registry() {
  local port=$((20000 + RANDOM % 12000))
  while answers "$port"; do port=$((port + 1)); done
  address=127.0.0.1:$port
  mkdir -p "$1"
  printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $1}}" "http: {addr: \"$address\"}" \
    'log: {level: error, accesslog: {disabled: true}}' >"$1.yml"
  docker-registry serve "$1.yml" >"$1.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  until answers "$port"; do
    kill -0 "$pid" || { cat "$1.log" >&2; exit 1; }
    sleep 0.05
  done
}

# The bases contain Go's own source, in place of distributions.
goroot=$(go env GOROOT)
mkdir "$work/context"
cp -r "$goroot/src/cmd" "$work/context/base0"
cp -r "$goroot/src/runtime" "$goroot/src/net" "$goroot/src/crypto" "$goroot/lib" "$work/context/" && mkdir "$work/context/base1" &&
  mv "$work/context/runtime" "$work/context/net" "$work/context/crypto" "$work/context/lib" "$work/context/base1"
registry "$work/source"
source=$address
n=0
for program in $(find "$goroot/bin" "$goroot/pkg/tool" "$work/crane" "$work/regctl" "$slipway" -type f -size +1M 2>/dev/null | sort | head -14); do
  name=bench/$(basename "$program"):v1
  cp "$program" "$work/context/$(basename "$program")"
  printf 'FROM scratch\nCOPY base%d /base\nARG PROGRAM\nCOPY $PROGRAM /bin/program\n' $((n % 2)) >"$work/context/Dockerfile"
  "$slipway" image build --progress none --platform linux/amd64 --build-arg "PROGRAM=$(basename "$program")" -t "$source/$name" -o push "$work/context" >/dev/null
  echo "$name" >>"$work/images"
  n=$((n + 1))
done
mapfile -t names <"$work/images"
"$slipway" airgap pack --progress none --platform linux/amd64 -o "$work/images.tar" -o "$work/images.tar.zst" -o "$work/images.tar.gz" "${names[@]/#/$source/}" >/dev/null
"$slipway" airgap pack --progress none --platform linux/amd64 --layers original -o "$work/original.tar" "${names[@]/#/$source/}" >/dev/null
size() { stat -c %s "$1" | awk '{printf "%.0f MB", $1 / 1e6}'; }
echo "$n images: $(size "$work/images.tar") as .tar, $(size "$work/images.tar.zst") as .tar.zst, $(size "$work/images.tar.gz") as .tar.gz, $(size "$work/original.tar") with original layers"
echo

# The commands. Each reads $address, the registry to push to.
push() { "$slipway" airgap push --progress none --cache-dir "$work/push" "$@" "$address" >/dev/null; }
all_skopeo() { while read -r name; do skopeo copy -q --dest-tls-verify=false "docker-archive:$work/images.tar:$source/$name" "docker://$address/$name"; done <"$work/images"; }
all_skopeo_copy() { while read -r name; do skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$source/$name" "docker://$address/$name"; done <"$work/images"; }
all_crane_copy() { while read -r name; do "$work/crane" copy "$source/$name" "$address/$name" 2>/dev/null; done <"$work/images"; }
all_regctl_copy() { while read -r name; do "$work/regctl" --host "reg=$source,tls=disabled" --host "reg=$address,tls=disabled" image copy "$source/$name" "$address/$name" >/dev/null; done <"$work/images"; }
export -f all_skopeo all_skopeo_copy all_crane_copy all_regctl_copy push
export work source slipway

rows=("skopeo copy docker-archive:, .tar|all_skopeo"
  "slipway airgap push, .tar.zst|push $work/images.tar.zst"
  "slipway airgap push --compression gzip:1, .tar.zst|push --compression gzip:1 $work/images.tar.zst"
  "slipway airgap push --compression zstd, .tar.zst|push --compression zstd $work/images.tar.zst"
  "skopeo copy, registry to registry|all_skopeo_copy"
  "crane copy, registry to registry|all_crane_copy"
  "regctl image copy, registry to registry|all_regctl_copy"
  "slipway airgap push, .tar.gz|push $work/images.tar.gz"
  "slipway airgap push, original layers|push $work/original.tar")
[ -z "${ONLY:-}" ] || mapfile -t rows < <(printf '%s\n' "${rows[@]}" | grep -E "$ONLY")
for _ in $(seq "${ROUNDS:-3}"); do
  for row in "${rows[@]}"; do
    [ -x "$work/regctl" ] || [[ $row != regctl* ]] || continue
    registry "$work/fresh"
    export address
    rm -rf "$work/push"
    /usr/bin/time -f "%e %U %S %M" -o "$work/time" -- bash -euo pipefail -c "${row#*|}"
    echo "${row%|*}|$(tail -1 "$work/time" | tr ' ' '|')" >>"$work/results"
    kill "$pid" && wait "$pid" 2>/dev/null || :
    rm -rf "$work/fresh"
  done
done
echo "| command | time | processor time | peak memory |"
echo "|---|--:|--:|--:|"
for row in "${rows[@]}"; do
  awk -F'|' -v name="${row%|*}" '
    function least(a, b) { return a == "" || b < a ? b : a }
    $1 == name { time = least(time, $2 + 0); processor = least(processor, $3 + $4); memory = least(memory, $5 + 0) }
    END { if (time != "") printf "| %s | %.2f s | %.2f s | %.0f MiB |\n", name, time, processor, memory / 1024 }' "$work/results"
done
