#!/usr/bin/env bash
# Measures SBOMs: the 15 images of bench-airgap.sh and one with a database of Debian packages, from a registry on this
# machine, with syft and with slipway sbom, nothing cached. Compares the Go modules and the packages of distributions
# that both find, and fails if Slipway finds fewer than 98 % of those of syft. Prints the table of docs/performance.md.
#
#   scripts/bench-airgap.sh slipway      once: it makes the images
#   scripts/bench-sbom.sh [RUNS]         default: 3; the medians are printed
#
# syft is looked for on PATH (scripts/tools/syft has its module).
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${SLIPWAY_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-bench}
runs=${1:-3}
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
export SYFT_CHECK_FOR_APP_UPDATE=false SYFT_REGISTRY_INSECURE_USE_HTTP=true

say() { echo "bench: $*" >&2; }
die() { say "$*"; exit 1; }
for program in docker-registry jq dpkg-query syft /usr/bin/time; do
  command -v "$program" >/dev/null || die "$program is missing; run: apt-get install docker-registry jq time; go install -C scripts/tools/syft github.com/anchore/syft/cmd/syft"
done
[ -f "$dir/made-2" ] || die "the images are missing: run scripts/bench-airgap.sh slipway"

work=$dir/run-sbom
registry_pid=
trap '[ -z "$registry_pid" ] || kill "$registry_pid"; rm -rf "$work"' EXIT
rm -rf "$work"
mkdir -p "$work"

answers() { { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 3>&-; }
port=$((20000 + RANDOM % 12000)) # below the range of ephemeral ports
while answers "$port"; do port=$((port + 1)); done
registry=127.0.0.1:$port
printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $dir/registry}}" "http: {addr: \"$registry\"}" \
  'log: {level: error, accesslog: {disabled: true}}' >"$work/registry.yml"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry_pid=$!
until answers "$port"; do
  kill -0 "$registry_pid" || die "docker-registry ended at once: $(cat "$work/registry.log")"
  sleep 0.1
done

say "building slipway"
go build -C "$repo" -o "$work/slipway" ./cmd/slipway
slipway=$work/slipway

# An image with the database of the Debian packages that its base consists of.
packages=$(dpkg-query -Wf '${Package} ${Essential} ${Priority}\n' | awk '$2 == "yes" || $3 == "required" || $1 ~ /^(apt|bash|ca-certificates|openssl|libc6|libssl3|perl|perl-modules-5.36|libperl5.36)$/ { print $1 }')
mkdir -p "$work/dpkg/var/lib/dpkg/info" "$work/dpkg/etc"
# shellcheck disable=SC2086
dpkg-query -s $packages >"$work/dpkg/var/lib/dpkg/status"
cp -L /etc/os-release "$work/dpkg/etc/"
for package in $packages; do
  cp /var/lib/dpkg/info/"$package"{,:*}.{list,md5sums} "$work/dpkg/var/lib/dpkg/info/" 2>/dev/null || true
done
printf 'FROM %s\nCOPY . /\n' "$registry/bench/perl:v1" >"$work/Dockerfile"
"$slipway" image build --cache-dir "$work/build" --progress none --platform linux/amd64 -f "$work/Dockerfile" \
  -t "$registry/bench/dpkg:v1" -o push "$work/dpkg" >/dev/null
names=(cni-plugins containerd coredns crane ctr debian etcd etcdctl etcdutl helm metrics-server node-exporter pause perl registry dpkg)

# with_syft and with_slipway FOLDER REGISTRY NAME…: an SPDX document of each image, in FOLDER/NAME.json. syft takes one
# image at a time.
cat >"$work/with_syft" <<'SH'
set -euo pipefail
out=$1 registry=$2
shift 2
for name; do syft -q "registry:$registry/bench/$name:v1" -o "spdx-json=$out/$name.json"; done
SH
cat >"$work/with_slipway" <<'SH'
set -euo pipefail
out=$1 registry=$2
shift 2
printf "$registry/bench/%s:v1\n" "$@" >"$out/images.txt"
"$SLIPWAY" sbom --progress none --cache-dir "$out/cache" -f "$out/images.txt" -o "$out/sboms"
for name; do mv "$out/sboms/${registry/:/_}_bench_${name}_v1.spdx.json" "$out/$name.json"; done
SH
export SLIPWAY=$slipway

# measure TOOL: run it, and add seconds, seconds of CPU and KiB of the largest process to $work/times-TOOL.
measure() {
  rm -rf "$work/out-$1"
  mkdir "$work/out-$1"
  sync
  /usr/bin/time -f '%e %U %S %M' -o "$work/time" bash "$work/with_$1" "$work/out-$1" "$registry" "${names[@]}" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$1 failed"; }
  awk '{ printf "%s %.1f %d\n", $1, $2 + $3, $4 / 1024 }' "$work/time" | tee -a "$work/times-$1" | sed "s/^/bench: $1: /" >&2
}
# One after the other in each run, so that other load on the machine meets both.
for _ in $(seq "$runs"); do
  for tool in slipway syft; do measure "$tool"; done
done
median() { sort -n "$work/times-$1" | sed -n "$(((runs + 1) / 2))p"; }

# found TOOL NAME: package URLs of Go modules and of packages of distributions, without qualifiers.
found() {
  jq -r '.packages[].externalRefs[]? | select(.referenceType == "purl").referenceLocator' "$work/out-$1/$2.json" |
    grep -E '^pkg:(golang|deb|apk|rpm)/' | sed 's/[?#].*//; s/%3[aA]/:/g; s/%2[bB]/+/g' | tr '[:upper:]' '[:lower:]' | sort -u || true
}
theirs=0 both=0
for name in "${names[@]}"; do
  found syft "$name" >"$work/a"
  found slipway "$name" >"$work/b"
  comm -23 "$work/a" "$work/b" | sed "s/^/$name: only syft finds /" >&2
  theirs=$((theirs + $(wc -l <"$work/a"))) both=$((both + $(comm -12 "$work/a" "$work/b" | wc -l)))
done
read -r theirTime theirCPU theirMemory < <(median syft)
read -r ourTime ourCPU ourMemory < <(median slipway)
# Once more, with the results in the cache.
/usr/bin/time -f '%e %U %S %M' -o "$work/time" "$SLIPWAY" sbom --progress none --cache-dir "$work/out-slipway/cache" -f "$work/out-slipway/images.txt" -o "$work/cached"
read -r cachedTime cachedUser cachedSystem cachedMemory <"$work/time"

echo "| program | seconds | CPU seconds | peak memory, MiB |"
echo "|---|--:|--:|--:|"
echo "| syft $(go version -m "$(command -v syft)" | awk '$1 == "mod" { print $3 }'), one image at a time | $theirTime | $theirCPU | $theirMemory |"
echo "| slipway, nothing cached | **$ourTime** | $ourCPU | $ourMemory |"
echo "| slipway, everything cached | $cachedTime | $(awk -v u="$cachedUser" -v s="$cachedSystem" 'BEGIN { printf "%.1f", u + s }') | $((cachedMemory / 1024)) |"
say "$(awk -v a="$theirTime" -v b="$ourTime" 'BEGIN { printf "%.1f", a / b }') times as fast; $both of the $theirs modules and packages of syft"
[ "$both" -ge $((theirs * 98 / 100)) ] || die "Slipway finds too few"
