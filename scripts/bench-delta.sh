#!/usr/bin/env bash
# Measures deltas of patch releases: builds programs from their modules at two versions each, makes an image and two
# archives of each, and compares the delta of the archives with bsdiff and xdelta3 of the layers, and with a portable
# delta, which has the changed layers compressed. Prints the table of docs/performance.md: MB/s are those of one core, in
# processor time.
#
#   scripts/bench-delta.sh                  all programs
#   scripts/bench-delta.sh coredns helm     only the given ones
#
# Programs, archives and patches of bsdiff and xdelta3 are kept in $SLIPWAY_BENCH_DIR, default
# ${XDG_CACHE_HOME:-~/.cache}/slipway-bench; deltas are made again by each run. Versions that the module proxy refuses are
# left out.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${SLIPWAY_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-bench}/delta
only=" $* "
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

# measured COMMAND…: runs it, and prints its seconds of processor time and its MiB
measured() { /usr/bin/time -f '%U %S %M' "$@" 2>&1 >/dev/null | awk 'END { printf "%.2f %d ", $1 + $2, $3 / 1024 }'; }
size() { stat -c %s "$1"; }

# difference OLD NEW: prints the seconds and MiB of diff and of apply, whose result must be NEW
difference() {
  measured "$dir/slipway" airgap diff --progress none "$1" "$2" -o "$2.delta"
  measured "$dir/slipway" airgap apply --progress none "$1" "$2.delta" -o "$2.again"
  cmp "$2.again" "$2" && rm "$2.again"
}

# row NAME SIZE LAYER XDELTA3 BSDIFF DELTA DIFF APPLY MEMORY: prints a row of the table
row() {
  printf '%s\t' "$@" | awk -F '\t' '{
    printf "| %s | %.1f MB | %.2f MB | %d KB | %d KB | %d KB | %s | %.2f | %.1f MB/s | %.0f MB/s | %d MiB |\n",
      $1, $2 / 1e6, $3 / 1e6, $4 / 1e3, $5 / 1e3, $6 / 1e3, $5 < 1000 ? "" : sprintf("%.2f", $6 / $5), $6 / $3, $2 / 1e6 / $7, $2 / 1e6 / $8, $9 }'
}

echo "| program | size | layer | xdelta3 -9 | bsdiff | delta | of bsdiff | of layer | diff | apply | memory |"
echo "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
total=(0 0 0 0 0 0 0)
most=0
while read -r name package old new; do
  [ $# = 0 ] || [[ $only == *" $name "* ]] || continue
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
  # The speeds are those of .tar, which needs no encoder. The memory is the most of all.
  compressed=$(difference "$a.tar.zst" "$b.tar.zst")
  plain=$(difference "$a.tar" "$b.tar")
  read -r diff _ apply _ <<<"$plain"
  memory=$(awk '{ for (i = 2; i <= NF; i += 2) if ($i > m) m = $i } END { print m }' <<<"$compressed $plain")
  figures=("$(size "$b.layer")" "$(size "$b.portable")" "$(size "$b.xdelta3")" "$(size "$b.bsdiff")" "$(size "$b.tar.zst.delta")" "$diff" "$apply")
  row "$name $old to $new" "${figures[@]}" "$memory"
  for i in "${!figures[@]}"; do total[i]=$(awk "BEGIN { print ${total[i]} + ${figures[i]} }"); done
  most=$((memory > most ? memory : most))
done <<'PROGRAMS'
age filippo.io/age/cmd/age v1.2.0 v1.2.1
bridge github.com/containernetworking/plugins/plugins/main/bridge v1.9.0 v1.9.1
containerd github.com/containerd/containerd/v2/cmd/containerd v2.4.1 v2.4.2
coredns github.com/coredns/coredns v1.13.0 v1.13.1
crane github.com/google/go-containerregistry/cmd/crane v0.21.8 v0.21.9
dlv github.com/go-delve/delve/cmd/dlv v1.25.1 v1.25.2
etcd go.etcd.io/etcd/server/v3 v3.6.15 v3.6.16
helm helm.sh/helm/v3/cmd/helm v3.21.3 v3.21.4
host-local github.com/containernetworking/plugins/plugins/ipam/host-local v1.9.0 v1.9.1
nats github.com/nats-io/nats-server/v2 v2.14.8 v2.14.9
oras oras.land/oras/cmd/oras v1.3.5 v1.3.6
portmap github.com/containernetworking/plugins/plugins/meta/portmap v1.9.0 v1.9.1
protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go v1.36.11 v1.36.12
staticcheck honnef.co/go/tools/cmd/staticcheck v0.6.0 v0.6.1
yq github.com/mikefarah/yq/v4 v4.54.2 v4.54.3
PROGRAMS
[ "$most" != 0 ] || { say "nothing was measured"; exit 1; }
row sum "${total[@]}" "$most"
