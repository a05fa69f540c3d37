#!/usr/bin/env bash
# Compares airgap load with ctr images import: the same 15 images into an empty containerd of
# its own, and once more. Prints the rows of docs/performance.md: the minimum of each figure.
#
#   scripts/bench-load.sh                        programs of the Go installation on a common base
#   ROUNDS=5 scripts/bench-load.sh IMAGES.tar.zst      the images of an archive
#
# It needs root, and the containerd and ctr of this machine. All files are in a temporary folder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
for program in containerd ctr zstd gzip; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing; run: apt-get install containerd zstd gzip" >&2; exit 1; }
done
work=$(mktemp -d)
pid=
end() {
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || :
  wait "$pid" 2>/dev/null || :
  pid=
  awk -v dir="$work/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | tac | xargs -r -n1 umount
  rm -rf "$work/disk" "$work/state"
}
trap 'end; rm -rf "$work"' EXIT
export SLIPWAY_CACHE=$work/cache

echo "bench: building slipway and the images" >&2
go build -C "$repo" -o "$work/slipway" ./cmd/slipway
slipway=$work/slipway
archive=${1:-}
if [ -z "$archive" ]; then
  mkdir "$work/context"
  goroot=$(go env GOROOT)
  cp -r "$goroot/src/cmd" "$work/context/base"
  printf 'FROM scratch\nCOPY base /base\nARG PROGRAM\nCOPY $PROGRAM /bin/program\n' >"$work/context/Dockerfile"
  cp "$slipway" "$work/context/"
  find "$goroot/bin" "$goroot/pkg/tool" -type f -size +1M -exec cp {} "$work/context/" \;
  layouts=()
  for program in $(cd "$work/context" && find . -maxdepth 1 -type f ! -name Dockerfile -printf '%f\n' | sort | head -15); do
    "$slipway" image build --progress none --platform linux/amd64 --build-arg "PROGRAM=$program" \
      -t "registry.invalid/bench/$program:v1" -o "oci:$work/oci/$program" "$work/context" >/dev/null
    layouts+=("oci:$work/oci/$program")
  done
  archive=$work/images.tar.zst
  "$slipway" airgap pack --progress none --platform linux/amd64 -o "$archive" "${layouts[@]}" >/dev/null
fi
zstd -dqc "$archive" >"$work/plain.tar"
gzip -1c "$work/plain.tar" >"$work/foreign.tar.gz" # one stream, as of another program

printf '%s\n' 'version = 2' "root = \"$work/root/containerd\"" "state = \"$work/state\"" \
  'disabled_plugins = ["io.containerd.grpc.v1.cri"]' '[grpc]' "address = \"$work/c.sock\"" >"$work/config.toml"
# containerd gets an empty file system. On a used one, ext4 passes over inodes that were deleted in the last minutes, and
# creating files takes five times as long (recently_deleted in fs/ext4/ialloc.c).
start() {
  mkdir -p "$work/root"
  truncate -s 8G "$work/disk"
  mkfs.ext4 -q -E lazy_itable_init=0 "$work/disk"
  mount -o loop "$work/disk" "$work/root"
  containerd --config "$work/config.toml" >"$work/log" 2>&1 &
  pid=$!
  for _ in $(seq 300); do
    ctr --address "$work/c.sock" version >/dev/null 2>&1 && return
    sleep 0.1
  done
  cat "$work/log" >&2
  exit 1
}

# measure NAME COMMAND…: a line with seconds, and the seconds of processor time of the command and containerd.
measure() {
  local name=$1 before took
  shift
  before=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{print $12 + $13}')
  TIMEFORMAT='%R %U %S'
  took=$({ time "$@" >"$work/out" 2>"$work/err"; } 2>&1) || { cat "$work/out" "$work/err" >&2; exit 1; }
  awk -v name="$name" -v took="$took" -v ticks=$(($(sed 's/.*) //' "/proc/$pid/stat" | awk '{print $12 + $13}') - before)) -v hz="$(getconf CLK_TCK)" \
    'BEGIN { split(took, t, " "); printf "%s|%.2f|%.1f\n", name, t[1], t[2] + t[3] + ticks / hz }' >>"$work/results"
}

load() { measure "slipway airgap load, $1" "$slipway" airgap load --progress none --address "$work/c.sock" "$2"; }
into=(ctr --address "$work/c.sock" --namespace k8s.io images)
for _ in $(seq "${ROUNDS:-3}"); do
  end; start
  measure "ctr images import, uncompressed tar" "${into[@]}" import "$work/plain.tar"
  measure "ctr images import, the second time" "${into[@]}" import "$work/plain.tar"
  end; start
  load ".tar.zst" "$archive"
  [ "$("${into[@]}" check | grep -c ' complete .*true$')" = "$("${into[@]}" ls -q | wc -l)" ] || { echo "bench: an image is not complete" >&2; exit 1; }
  load ".tar.zst, the second time" "$archive"
  end; start
  load "uncompressed tar" "$work/plain.tar"
  end; start
  load ".tar.gz of another program" "$work/foreign.tar.gz"
done

echo "| command | time | CPU time, with containerd's |"
echo "|---|--:|--:|"
awk -F'|' '!($1 in time) { order[++n] = $1; time[$1] = $2; cpu[$1] = $3 }
  $2 < time[$1] { time[$1] = $2 } $3 < cpu[$1] { cpu[$1] = $3 }
  END { for (i = 1; i <= n; i++) printf "| %s | %s s | %s s |\n", order[i], time[order[i]], cpu[order[i]] }' "$work/results"
