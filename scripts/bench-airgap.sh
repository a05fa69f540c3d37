#!/usr/bin/env bash
# Measures the creation of air-gap archives: the same 15 images from the same registry, on
# the same machine, with RKE2's pipeline (Docker Engine, bsdtar, zstd, pigz), its variant
# with crane, skopeo, regctl, and slipway airgap pack; also original layers, with crane, oras,
# regctl and slipway, which take turns. Prints the tables of docs/performance.md.
#
#   scripts/engines.sh start && eval "$(scripts/engines.sh env)"
#   scripts/bench-airgap.sh              everything; without Docker, all but RKE2's pipeline
#   scripts/bench-airgap.sh slipway      only the given ones of: docker, crane, skopeo, regctl, original, slipway
#   ROUNDS=5 scripts/bench-airgap.sh original            the row with the least processor time of 5 rounds, default 3
#
# The images are built once, from upstream programs (scripts/bench/programs/go.mod) on a
# base of this machine's Debian packages, and kept in $SLIPWAY_BENCH_DIR, default
# ${XDG_CACHE_HOME:-~/.cache}/slipway-bench, with the registry's data. Each measured run
# starts with empty caches in a subfolder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${SLIPWAY_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-bench}
what=${*:-docker crane skopeo regctl original slipway}
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"

say() { echo "bench: $*" >&2; }
die() { say "$*"; exit 1; }
for program in docker-registry bsdtar zstd pigz skopeo jq dpkg-query /usr/bin/time; do
  command -v "$program" >/dev/null || die "$program is missing; run: apt-get install docker-registry libarchive-tools zstd pigz skopeo jq time"
done

mkdir -p "$dir/registry"
work=$dir/run
registry_pid=
trap '[ -z "$registry_pid" ] || kill "$registry_pid"; rm -rf "$work"' EXIT
rm -rf "$work"
mkdir "$work"

answers() { { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 3>&-; }
# Below the range of ephemeral ports.
port=$((20000 + RANDOM % 12000))
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

# --- the images --------------------------------------------------------------------

# programs NAME: the programs of an image.
programs() {
  case $1 in
    cni-plugins) echo bandwidth bridge dhcp firewall host-local loopback macvlan portmap ptp vlan ;;
    containerd) echo containerd containerd-shim-runc-v2 ;;
    etcd) echo server ;;
    node-exporter) echo node_exporter ;;
    *) echo "$1" ;;
  esac
}
names=(cni-plugins containerd coredns crane ctr debian etcd etcdctl etcdutl helm metrics-server node-exporter pause perl registry)
changed=() # images with a second release: all with programs
for name in "${names[@]}"; do
  case $name in debian | perl | pause) ;; *) changed+=("$name") ;; esac
done
own=etcd # the image that represents the project's own

# packages FOLDER PACKAGE…: copy the installed files of Debian packages.
packages() {
  local to=$1 package
  shift
  mkdir -p "$to"
  for package; do dpkg-query -L "$package"; done 2>/dev/null | grep -E '^/(usr|lib|bin|sbin)/' | sort -u |
    sed -E 's#^/(lib|bin|sbin)/#/usr/\1/#; s#^/##' | sort -u | while read -r file; do [ -d "/$file" ] || [ ! -e "/$file" ] || echo "$file"; done |
    tar -C / --no-recursion -cf - -T - | tar -C "$to" -xf -
}

# push NAME:TAG FOLDER BASE: push an image with a folder's files on a base.
push() {
  printf 'FROM %s\nCOPY . /\n' "$3" >"$work/Dockerfile"
  "$slipway" image build --cache-dir "$work/build" --progress none --platform linux/amd64 --media-types docker \
    -f "$work/Dockerfile" -t "$registry/bench/$1" -o push "$2" >/dev/null
}

# compile IMAGE FOLDER [LDFLAGS]: compile the programs of an image.
compile() {
  local program import
  mkdir -p "$2"
  for program in $(programs "$1"); do
    import=$(grep -E "^\s.*/$program(/v[0-9]+)?\$" "$repo/scripts/bench/programs/go.mod" | tr -d '\t')
    go build -C "$repo/scripts/bench/programs" -ldflags "-s -w ${3:-}" -o "$2/$program" "$import"
  done
}

# release TAG LDFLAGS IMAGE…: build and push images of programs.
release() {
  local tag=$1 flags=$2 name
  shift 2
  for name; do
    rm -rf "$work/root"
    compile "$name" "$work/root/usr/local/bin" "$flags"
    push "$name:$tag" "$work/root" "$registry/bench/debian:v1"
  done
}

if [ ! -f "$dir/made-2" ]; then
  say "building the images, once; most of the time is for compiling"
  packages "$work/debian" $(dpkg-query -Wf '${Package} ${Essential} ${Priority}\n' | awk '$2 == "yes" || $3 == "required" || $1 ~ /^(apt|bash|ca-certificates|openssl|libc6|libssl3)$/ { print $1 }')
  push debian:v1 "$work/debian" scratch
  packages "$work/perl" perl perl-modules-5.36 libperl5.36
  push perl:v1 "$work/perl" "$registry/bench/debian:v1"
  mkdir "$work/pause"
  go build -C "$repo" -ldflags "-s -w" -o "$work/pause/pause" ./cmd/slipway-pause
  push pause:v1 "$work/pause" scratch
  release v1 "" "${changed[@]}"
  release v2 -buildid=second "${changed[@]}"
  rm -rf "$dir/own"
  compile "$own" "$dir/own/v1/usr/local/bin"
  compile "$own" "$dir/own/v2/usr/local/bin" -buildid=second
  touch "$dir/made-2"
fi

list() { # list [IMAGE]: all references, with IMAGE in its second release
  local name
  for name in "${names[@]}"; do
    if [ "$name" = "${1:-}" ]; then echo "$registry/bench/$name:v2"; else echo "$registry/bench/$name:v1"; fi
  done
}
list >"$work/images.txt"

# --- measuring ---------------------------------------------------------------------

engine_pids() {
  local engine=${SLIPWAY_TEST_DOCKER:-}
  engine=${engine#unix://}
  cat "${engine%/*}"/{docker,containerd}.pid 2>/dev/null || true
}
ticks() { # CPU time of the engine's daemons, in ticks
  local pid sum=0 stat
  for pid in $(engine_pids); do
    stat=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || continue
    # shellcheck disable=SC2086
    set -- $stat
    sum=$((sum + ${12} + ${13}))
  done
  echo "$sum"
}
mb() { awk -v n="$1" 'BEGIN { printf "%.1f", n / 1e6 }'; }
archive() { ls "$1"/images.tar."$2" "$1"/*-images.linux-amd64.tar."$2" 2>/dev/null || true; }
size() { if [ -e "$1" ]; then echo "$(mb "$(stat -c %s "$1")") MB"; else echo -; fi; }

# measure LABEL FOLDER COMMAND…: print a row. The archives are in FOLDER.
measure() {
  run "$@"
  tee -a "$work/rows" <"$work/row"
}
# run LABEL FOLDER COMMAND…: write the row to $work/row.
run() {
  local label=$1 out=$2 before engine
  shift 2
  sync
  before=$(ticks)
  /usr/bin/time -f '%e %U %S %M' -o "$work/time" "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$label failed"; }
  engine=$(($(ticks) - before))
  read -r elapsed user system rss <"$work/time"
  printf '| %s | %.2f s | %s s | %s MiB | %s | %s |\n' "$label" "$elapsed" \
    "$(awk -v u="$user" -v s="$system" -v e="$engine" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", u + s + e / hz }')" \
    $((rss / 1024)) "$(size "$(archive "$out" zst)")" "$(size "$(archive "$out" gz)")" >"$work/row"
}
# tool NAME PACKAGE: build the program $work/NAME-bin, once
tool() {
  [ -x "$work/$1-bin" ] || go build -C "$repo/scripts/bench/programs" -o "$work/$1-bin" "$2" || { say "skipping $1: it could not be built"; return 1; }
}
# To be followed by a folder: regctl also writes one image per archive, with the registry's layers.
regctl=(bash -euo pipefail -c 'n=0; while read -r ref; do n=$((n + 1)); "$2" --host "reg=${ref%%/*},tls=disabled" image export --platform linux/amd64 "$ref" "$3/$n.tar"; done <"$1"'
  - "$work/images.txt" "$work/regctl-bin")
row_seconds() { # row_seconds LABEL: the measured time
  awk -F'|' -v label=" $1 " '$2 == label { sub(/ s.*/, "", $3); print $3 + 0 }' "$work/rows"
}

# The steps of RKE2's scripts/package-images after a tar of images exists: two passes of
# bsdtar to move metadata to the front, then both compressors.
cat >"$work/compress.sh" <<'SH'
set -euo pipefail
bsdtar -c -f "$1/sorted.tar" --include=manifest.json --include=repositories "@$1/images.tar"
bsdtar -r -f "$1/sorted.tar" --exclude=manifest.json --exclude=repositories "@$1/images.tar"
rm "$1/images.tar"
zstd -T0 -16 -f --long=25 --no-progress -q "$1/sorted.tar" -o "$1/images.tar.zst"
pigz -c "$1/sorted.tar" >"$1/images.tar.gz"
SH

: >"$work/rows"
echo "| pipeline | time | CPU time | peak memory | .tar.zst | .tar.gz |"
echo "|---|--:|--:|--:|--:|--:|"

if [[ $what == *docker* ]]; then
  if [ -z "${SLIPWAY_TEST_DOCKER:-}" ]; then
    say "skipping RKE2's pipeline: it needs Docker Engine; run: scripts/engines.sh start && eval \"\$(scripts/engines.sh env)\""
  else
    export DOCKER_HOST=$SLIPWAY_TEST_DOCKER
    docker images -q | sort -u | xargs -r docker rmi -f >/dev/null
    mkdir "$work/docker"
    measure "RKE2: docker pull, save, bsdtar, zstd, pigz" "$work/docker" bash -euo pipefail -c \
      'xargs -n1 docker pull -q <"$1" && docker image save -o "$2/images.tar" $(cat "$1") && bash "$3" "$2"' - "$work/images.txt" "$work/docker" "$work/compress.sh"
    docker images -q | sort -u | xargs -r docker rmi -f >/dev/null
    say "size of the tar: $(mb "$(stat -c %s "$work/docker/sorted.tar")") MB"
    rm "$work/docker/sorted.tar"
  fi
fi
if [[ $what == *crane* ]] && tool crane github.com/google/go-containerregistry/cmd/crane; then
  mkdir "$work/crane"
  measure "RKE2's crane variant: crane pull, bsdtar, zstd, pigz" "$work/crane" bash -euo pipefail -c \
    '"$4" pull --platform linux/amd64 $(cat "$1") "$2/images.tar" && bash "$3" "$2"' - "$work/images.txt" "$work/crane" "$work/compress.sh" "$work/crane-bin"
  rm -f "$work/crane/sorted.tar"
fi
if [[ $what == *skopeo* ]]; then
  mkdir "$work/skopeo"
  # skopeo writes one image per archive.
  measure "skopeo copy, one archive per image, uncompressed" "$work/skopeo" bash -euo pipefail -c \
    'n=0; while read -r ref; do n=$((n + 1)); skopeo copy -q --src-tls-verify=false "docker://$ref" "docker-archive:$2/$n.tar:$ref"; done <"$1"' - "$work/images.txt" "$work/skopeo"
  rm -rf "$work/skopeo"
fi
if [[ $what == *regctl* ]] && tool regctl github.com/regclient/regclient/cmd/regctl; then
  mkdir "$work/regctl"
  measure "regctl image export, one archive per image, original layers" "$work/regctl" "${regctl[@]}" "$work/regctl"
  rm -rf "$work/regctl"
fi
if [[ $what == *original* ]]; then
  out=$work/original
  turn() { # turn LABEL COMMAND…: run it, and keep its row
    local label=$1
    shift
    run "$label" "$out" "$@"
    cat "$work/row" >>"$work/turns"
  }
  # Files of the last command take memory, and more of it takes more processor time of the kernel: none are kept.
  fresh() { rm -rf "$out" && mkdir "$out"; }
  for ((round = 1; round <= ${ROUNDS:-3}; round++)); do
    say "original layers, round $round"
    if tool crane github.com/google/go-containerregistry/cmd/crane; then
      fresh
      turn "crane pull, original layers, .tar" bash -euo pipefail -c \
        '"$2" pull --platform linux/amd64 $(cat "$1") "$3"' - "$work/images.txt" "$work/crane-bin" "$out/crane.tar"
    fi
    if tool oras oras.land/oras/cmd/oras; then
      # oras backup takes one repository, oras copy one image: into a layout that has all.
      fresh
      turn "oras copy, original layers, an OCI layout" bash -euo pipefail -c \
        'while read -r ref; do image=${ref##*/}; "$2" copy --no-tty --from-plain-http --platform linux/amd64 --to-oci-layout "$ref" "$3:${image%:*}"; done <"$1"' \
        - "$work/images.txt" "$work/oras-bin" "$out/oras"
    fi
    if tool regctl github.com/regclient/regclient/cmd/regctl; then
      fresh
      turn "regctl image export, original layers, one archive per image" "${regctl[@]}" "$out"
    fi
    fresh
    for state in nothing everything; do
      turn "slipway --layers original, .tar, $state cached" "$slipway" airgap pack --progress none --platform linux/amd64 \
        --cache-dir "$out/cache" -f "$work/images.txt" --layers original -o "$out/slipway.tar"
    done
    turn "slipway airgap verify, original layers, .tar" "$slipway" airgap verify --progress none --list "$work/images.txt" "$out/slipway.tar"
  done
  rm -rf "$out"
  # The row of each command with the least CPU time, in their order.
  awk -F'|' '!($2 in least) { order[++n] = $2 } !($2 in least) || $4 + 0 < least[$2] { least[$2] = $4 + 0; row[$2] = $0 }
    END { for (i = 1; i <= n; i++) print row[order[i]] }' "$work/turns"
fi
if [[ $what == *slipway* ]]; then
  cache=$work/cache
  pack() { # pack LABEL LIST [FLAGS]
    local how=measure
    case $1 in -) how=run; shift ;; esac
    local label=$1 list=$2
    shift 2
    rm -rf "$work/out"
    mkdir "$work/out"
    $how "$label" "$work/out" "$slipway" airgap pack --progress none --platform linux/amd64 --cache-dir "$cache" \
      -f "$list" -o "$work/out/images.tar.zst" -o "$work/out/images.tar.gz" "$@"
  }
  pack "slipway, nothing cached" "$work/images.txt"
  cp "$work/out/images.tar.zst" "$work/first.tar.zst"
  "$slipway" airgap verify --progress none --list "$work/images.txt" "$work/first.tar.zst" >/dev/null
  pack "slipway, everything cached" "$work/images.txt"
  cmp "$work/out/images.tar.zst" "$work/first.tar.zst"
  # Each image with programs in its second release, the others unchanged.
  for name in "${changed[@]}"; do
    list "$name" >"$work/changed.txt"
    pack - "$name" "$work/changed.txt"
    echo "$(awk -F'|' '{ print $3 + 0 }' "$work/row") $name" >>"$work/changes"
    cat "$work/row" >>"$work/change-rows"
  done
  sort -n -o "$work/changes" "$work/changes"
  at() { # at N: the Nth fastest, as a row
    local name
    name=$(sed -n "$1p" "$work/changes" | cut -d' ' -f2)
    grep -F "| $name |" "$work/change-rows" | sed "s/| $name |/| slipway, one third-party image changed, $2: $name |/" | tee -a "$work/rows"
  }
  at 1 "fastest of ${#changed[@]}"
  at $(((${#changed[@]} + 1) / 2)) "median"
  at ${#changed[@]} "slowest"
  say "one image changed: $(awk '{ printf "%s %s s; ", $2, $1 }' "$work/changes")"

  cache=$work/quick
  pack "slipway --level better, nothing cached" "$work/images.txt" --level better
  for codec in zst gz; do
    measure "slipway airgap verify, .tar.$codec" "$work/none" "$slipway" airgap verify --progress none "$work/out/images.tar.$codec"
  done
  cache=$work/cache

  # A release with one image of the project's own: build, pack, checksums.
  project=$work/project
  mkdir "$project"
  list | grep -v "/$own:" >"$project/images.txt"
  printf 'FROM %s\nCOPY --from=own . /\n' "$registry/bench/debian:v1" >"$project/Dockerfile"
  cat >"$project/slipway.yaml" <<YAML
project: bench
registry: $registry
repository: bench
version: {base: v1.0.0}
platforms: [linux/amd64]
images:
  - {name: $own, contexts: {own: own}, variants: [{platforms: [linux/amd64], dockerfile: Dockerfile}]}
airgap:
  formats: [tar.zst, tar.gz]
  lists: {images: {images: [$own], file: images.txt}}
YAML
  for version in v1 v2; do
    rm -rf "$project/own"
    cp -r "$dir/own/$version" "$project/own"
    command=("$slipway" package --progress none --cache-dir "$cache" --config "$project/slipway.yaml")
    if [ $version = v1 ]; then
      TAG=v1.0.0 "${command[@]}" >/dev/null
      continue
    fi
    TAG=v1.0.0 measure "slipway package, the project's own $own changed" "$project/dist/artifacts" "${command[@]}"
  done
  if [[ $what == *docker* && -n "${SLIPWAY_TEST_DOCKER:-}" ]]; then
    theirs=$(row_seconds "RKE2: docker pull, save, bsdtar, zstd, pigz")
    while IFS='|' read -r _ label _; do
      label=$(sed 's/^ //; s/ $//' <<<"$label")
      case $label in slipway*) say "$label: $(awk -v a="$theirs" -v b="$(row_seconds "$label")" 'BEGIN { printf "%.1f", a / b }') times as fast as RKE2" ;; esac
    done <"$work/rows"
  fi
fi
