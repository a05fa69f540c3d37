#!/usr/bin/env bash
# Measures shards: a release of 24 images and archives, of 2 to 14 MB of content each, is packaged by one machine, and by
# eight at the same time, whose folders dist are then merged. A machine is a control group with an eighth of the processor
# time of this one, a checkout, and caches of its own. Prints the rows of docs/performance.md, and the efficiency: the time
# of the one machine, divided by eight times that of the slowest shard and the merge. Processor time is that of a group,
# which other programs disturb less than time.
#
#   scripts/bench-shards.sh
#   SHARDS=4 scripts/bench-shards.sh
#
# Shards are divided by the sizes of the release before, as in `slipway ci`. It must run as root, for the control groups.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shards=${SHARDS:-8}
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" PROGRESS=none GIT_CONFIG_GLOBAL=/dev/null
work=$(mktemp -d)
groups=() accounts=()
trap 'for group in "${groups[@]}" "${accounts[@]}"; do [ ! -d "$group" ] || rmdir "$group" || :; done; rm -rf "$work"' EXIT

# A period of 100 ms. Version 1 of control groups has a folder for each kind, which may be two names of one.
quota=$(($(nproc) * 100000 / shards))
make_group() { # adds to groups, and to accounts the group that counts processor time
  local group account
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
    group=/sys/fs/cgroup/slipway-$$-$1 account=$group
    mkdir "$group"
    echo "$quota 100000" >"$group/cpu.max"
  else
    group=/sys/fs/cgroup/cpu/slipway-$$-$1 account=/sys/fs/cgroup/cpuacct/slipway-$$-$1
    mkdir -p "$group" "$account"
    echo 100000 >"$group/cpu.cfs_period_us"
    echo "$quota" >"$group/cpu.cfs_quota_us"
  fi
  groups+=("$group") accounts+=("$account")
}
for n in $(seq "$shards"); do make_group "$n"; done

go build -C "$repo" -o "$work/slipway" ./cmd/slipway
project=$work/project
mkdir -p "$project/content"
# The content is Go's own: programs, object files and source code.
tar --sort=name --mtime=@0 --owner=0 --group=0 -C "$(go env GOROOT)" -cf "$work/content.tar" bin pkg src
{
  printf '%s\n' 'project: bench' 'registry: registry.example.com' 'repository: bench' 'platforms: [linux/amd64]' 'version: {base: v1.0.0}' 'images:'
  for n in $(seq 24); do
    printf '%s\n' "  - {name: image-$n, args: {N: '$n'}, variants: [{platforms: [linux/amd64]}]}"
  done
  printf '%s\n' 'airgap:' '  formats: [tar.zst]' '  lists:'
  for n in $(seq 24); do printf '%s\n' "    list-$n: {images: [image-$n]}"; done
} >"$project/slipway.yaml"
printf '%s\n' 'FROM scratch' 'ARG N' 'COPY content/$N /content' >"$project/Dockerfile"
printf '%s\n' dist >"$project/.gitignore"
at=0
for n in $(seq 24); do
  size=$((2 + n % 5 * 3))
  dd if="$work/content.tar" of="$project/content/$n" bs=1M skip="$at" count="$size" status=none
  at=$((at + size))
done
[ "$(stat -c %s "$work/content.tar")" -ge $((at << 20)) ] || { echo "bench: this Go has less than $at MB" >&2; exit 1; }
git -C "$project" init -q
git -C "$project" add -A
git -C "$project" -c user.name=bench -c user.email=bench@example.com commit -qm content
git -C "$project" tag v1.0.0

# fresh COUNT: makes new machines
fresh() {
  local n
  rm -rf "$work/machines"
  mkdir "$work/machines"
  for n in $(seq "$1"); do git clone -q "$project" "$work/machines/$n/checkout"; done
  # git reads all files again that were written in the same second as its index: here most of the 208 MB, but few of a
  # checkout that takes longer. So the index is written again.
  sleep 1
  for n in $(seq "$1"); do git -C "$work/machines/$n/checkout" status -s; done
  sync
}
# machine N COMMAND…: runs slipway on a machine
machine() {
  local n=$1 home=$work/machines/$1
  shift
  (
    echo "$BASHPID" >"${groups[n - 1]}/cgroup.procs"
    echo "$BASHPID" >"${accounts[n - 1]}/cgroup.procs"
    cd "$home/checkout"
    SLIPWAY_CACHE=$home/cache exec "$work/slipway" "$@"
  ) >"$home/log" 2>&1 || { cat "$home/log" >&2; return 1; }
}
now() { date +%s%N; }
processor() { # processor N: nanoseconds of processor time that a machine has used
  local account=${accounts[$1 - 1]}
  cat "$account/cpuacct.usage" 2>/dev/null || awk '/^usage_usec/ { print $2 * 1000 }' "$account/cpu.stat"
}
seconds() { awk -v ns="$1" 'BEGIN { printf "%.1f", ns / 1e9 }'; }
sums() { (cd "$1" && find . -name '.?*' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }

echo "bench: one machine" >&2
fresh 1
start=$(now) used=$(processor 1)
machine 1 package
whole=$(($(now) - start)) whole_used=$(($(processor 1) - used))
sums "$work/machines/1/checkout/dist" >"$work/whole.sums"
cp "$work/machines/1/checkout/dist/artifacts.json" "$work/previous.json"

echo "bench: $shards machines" >&2
export SLIPWAY_PREVIOUS=$work/previous.json
fresh "$shards"
start=$(now)
pids=()
for n in $(seq "$shards"); do
  (
    began=$(now) used=$(processor "$n")
    machine "$n" package --shard "$n/$shards"
    used=$(($(processor "$n") - used))
    echo "$used" >"$work/machines/$n/used"
    echo "bench: shard $n: $(seconds $(($(now) - began))) s, processor time $(seconds "$used") s" >&2
  ) &
  pids+=("$!")
done
for pid in "${pids[@]}"; do wait "$pid"; done
packaged=$(($(now) - start)) packaged_used=$(cat "$work"/machines/*/used | sort -n | tail -1)
start=$(now) used=$(processor 1)
machine 1 merge $(seq -f "$work/machines/%.0f/checkout/dist" 2 "$shards")
merged=$(($(now) - start)) merged_used=$(($(processor 1) - used))
sums "$work/machines/1/checkout/dist" | diff "$work/whole.sums" - >&2 || { echo "bench: the merged release differs" >&2; exit 1; }

echo "| one machine with 1/$shards of $(nproc) cores | $(seconds $whole) s | $(seconds $whole_used) s |"
echo "| the slowest of $shards machines of this kind | $(seconds $packaged) s | $(seconds "$packaged_used") s |"
echo "| merge on one of them | $(seconds $merged) s | $(seconds $merged_used) s |"
awk -v a="$whole" -v b="$((packaged + merged))" -v c="$whole_used" -v d="$((packaged_used + merged_used))" -v n="$shards" \
  'BEGIN { printf "| efficiency | %.2f | %.2f |\n", a / b / n, c / d / n }'
