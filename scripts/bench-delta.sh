#!/usr/bin/env bash
# Measures deltas of patch releases: builds programs from their modules at two versions each, makes an image and two
# archives of each, and compares the delta of the archives with bsdiff and xdelta3 of the layers, and with a portable
# delta, which has the changed layers compressed. Prints the table of docs/performance.md.
#
#   scripts/bench-delta.sh
#
# Versions that the module proxy refuses are left out.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${SLIPWAY_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-bench}/delta
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"

say() { echo "bench: $*" >&2; }
for program in bsdiff xdelta3 zstd /usr/bin/time; do
  command -v "$program" >/dev/null || { say "$program is missing; run: apt-get install bsdiff xdelta3 zstd time"; exit 1; }
done
mkdir -p "$dir/bin"
go build -C "$repo" -o "$dir/slipway" ./cmd/slipway

# program NAME PACKAGE VERSION: builds a program in a module of its own, so that replacements in its go.mod do not matter
program() {
  local out=$dir/bin/$1-$3 module=$dir/module-$1-$3
  [ ! -f "$out" ] || return 0
  mkdir -p "$module"
  (cd "$module" && { [ -f go.mod ] || go mod init bench; } && go get "$2@$3" && go build -ldflags "-s -w" -o "$out" "$2") >"$module.log" 2>&1
}

# archive NAME VERSION: an archive of an image with one layer, which has the program
archive() {
  local out=$dir/$1-$2
  [ ! -f "$out.tar.zst" ] || return 0
  rm -rf "$out.context" "$out.layout"
  mkdir -p "$out.context/usr/bin"
  cp "$dir/bin/$1-$2" "$out.context/usr/bin/$1"
  printf 'FROM scratch\nCOPY usr /usr\n' >"$out.context/Dockerfile"
  "$dir/slipway" image build --progress none --cache-dir "$dir/cache" --platform linux/amd64 -t "bench/$1:$2" -o "oci:$out.layout" "$out.context" >/dev/null
  "$dir/slipway" airgap pack --progress none --cache-dir "$dir/cache" --platform linux/amd64 -o "$out.tar.zst" -o "$out.tar" "oci:$out.layout" >/dev/null
  tar -cf "$out.layer" --mtime=@0 --owner=0 --group=0 --sort=name -C "$out.context" usr
}

# measured COMMAND…: runs it, and prints its seconds and MiB
measured() { /usr/bin/time -f '%e %M' "$@" 2>&1 >/dev/null | awk 'END { printf "%.1f %d\n", $1, $2 / 1024 }'; }
size() { stat -c %s "$1"; }

echo "| program | size | layer compressed | xdelta3 -9 | bsdiff | delta | of bsdiff | diff | apply |"
echo "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
total=(0 0 0 0 0 0)
while read -r name package old new; do
  if ! program "$name" "$package" "$old" || ! program "$name" "$package" "$new"; then
    say "$name: the module proxy does not serve $old and $new, or they do not build: left out; see $dir/module-$name-*.log"
    continue
  fi
  archive "$name" "$old"
  archive "$name" "$new"
  a=$dir/$name-$old b=$dir/$name-$new
  [ -f "$b.bsdiff" ] || bsdiff "$a.layer" "$b.layer" "$b.bsdiff"
  [ -f "$b.xdelta3" ] || xdelta3 -9 -e -f -s "$a.layer" "$b.layer" "$b.xdelta3"
  "$dir/slipway" airgap diff --progress none --portable "$a.tar.zst" "$b.tar.zst" -o "$b.portable" >/dev/null
  read -r diff diff_memory < <(measured "$dir/slipway" airgap diff --progress none "$a.tar.zst" "$b.tar.zst" -o "$b.delta")
  read -r apply apply_memory < <(measured "$dir/slipway" airgap apply --progress none "$a.tar.zst" "$b.delta" -o "$b.again")
  cmp "$b.again" "$b.tar.zst"
  rm "$b.again"
  row=("$(size "$b.layer")" "$(size "$b.portable")" "$(size "$b.xdelta3")" "$(size "$b.bsdiff")" "$(size "$b.delta")")
  for i in "${!row[@]}"; do total[i]=$((total[i] + row[i])); done
  printf '%s\n' "$name $old to $new ${row[*]} $diff $diff_memory $apply $apply_memory" | awk '{
    printf "| %s %s to %s | %.1f MB | %.2f MB | %d KB | %d KB | %d KB | %.2f | %s s, %s MiB | %s s, %s MiB |\n",
      $1, $2, $4, $5 / 1e6, $6 / 1e6, $7 / 1e3, $8 / 1e3, $9 / 1e3, $9 / $8, $10, $11, $12, $13 }'
done <<'PROGRAMS'
age filippo.io/age/cmd/age v1.2.0 v1.2.1
bridge github.com/containernetworking/plugins/plugins/main/bridge v1.7.0 v1.7.1
containerd github.com/containerd/containerd/v2/cmd/containerd v2.1.3 v2.1.4
coredns github.com/coredns/coredns v1.13.0 v1.13.1
crane github.com/google/go-containerregistry/cmd/crane v0.20.5 v0.20.6
etcd go.etcd.io/etcd/server/v3 v3.6.4 v3.6.5
helm helm.sh/helm/v3/cmd/helm v3.19.0 v3.19.1
lefthook github.com/evilmartians/lefthook v1.13.0 v1.13.1
runc github.com/opencontainers/runc v1.3.0 v1.3.1
syft github.com/anchore/syft/cmd/syft v1.33.0 v1.34.0
task github.com/go-task/task/v3/cmd/task v3.44.0 v3.44.1
yq github.com/mikefarah/yq/v4 v4.47.1 v4.47.2
PROGRAMS
printf '%s\n' "${total[*]}" | awk '{ printf "| sum | %.1f MB | %.2f MB | %d KB | %d KB | %d KB | %.2f | | |\n", $1 / 1e6, $2 / 1e6, $3 / 1e3, $4 / 1e3, $5 / 1e3, $5 / $4 }'
