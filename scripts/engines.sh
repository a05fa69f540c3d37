#!/usr/bin/env bash
# Starts and stops the engines for tests: Docker Engine, containerd and BuildKit. They are
# private: they have their own folders, sockets, ports and bridge, and neither use nor
# disturb an existing Docker.
#
#   scripts/engines.sh start            start the engines that are not running, and wait for them
#   eval "$(scripts/engines.sh env)"    set SLIPWAY_TEST_… for the tests
#   scripts/engines.sh status           print the state; exit 1 unless all are running
#   scripts/engines.sh stop             stop what start has started, and nothing else
#
# All files are in $SLIPWAY_ENGINES_DIR, default
# ${XDG_STATE_HOME:-~/.local/state}/slipway-engines. It may be deleted after stop.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${SLIPWAY_ENGINES_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/slipway-engines}
engines=(containerd docker buildkit) # in starting order; docker needs containerd
# Engines of another folder may run at the same time.
id=$(printf %s "$dir" | cksum | cut -d' ' -f1)
bridge=slipway$((id % 10000))
bridge_address=172.31.$((id % 255)).1/24

say() { echo "engines: $*" >&2; }
die() { say "$*"; exit 1; }

# running ENGINE: whether the process that we started as ENGINE is running. Since pids are
# reused, its command line must contain our folder.
running() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
  { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -F -- "$dir/" >/dev/null # -q would leave tr writing
}

answers() {
  case $1 in
    containerd) ctr --address "$dir/containerd.sock" version ;;
    docker) docker --host "unix://$dir/docker.sock" version ;;
    buildkit) local a; a=$(buildkit_address) && [ -n "$a" ] && exec 3<>"/dev/tcp/${a%:*}/${a#*:}" && exec 3>&- ;;
  esac >/dev/null 2>&1
}

# buildkitd listens on a port that the system selects, and logs it.
buildkit_address() { sed -n 's/.*running server on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$dir/buildkit.log" | tail -n1; }

# launch ENGINE COMMAND…: start a daemon that outlives this shell and inherits none of its
# descriptors (a lock, or the pipe of $(…)), and wait until it answers.
launch() {
  local engine=$1
  shift
  rm -f "$dir/$engine.sock"
  setsid "$@" </dev/null >"$dir/$engine.log" 2>&1 9>&- &
  echo $! >"$dir/$engine.pid"
  for _ in $(seq 300); do
    if ! kill -0 "$!" 2>/dev/null; then
      rm -f "$dir/$engine.pid"
      say "$engine exited; the end of $dir/$engine.log:"
      tail -n 20 "$dir/$engine.log" >&2
      return 1
    fi
    if answers "$engine"; then
      say "$engine is up"
      return
    fi
    sleep 0.2
  done
  end "$engine"
  say "$engine did not answer within 60 s; the end of $dir/$engine.log:"
  tail -n 20 "$dir/$engine.log" >&2
  return 1
}

start_containerd() {
  cat >"$dir/containerd.toml" <<TOML
version = 2
root = "$dir/containerd"
state = "$dir/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$dir/containerd.sock"
TOML
  launch containerd containerd --config "$dir/containerd.toml"
}

# Docker gets a bridge of its own, because BuildKit inside Docker Engine needs one for RUN
# ("network bridge not found"), and no iptables, which CI containers often lack: a RUN in
# tests has no network access.
start_docker() {
  local network=none
  if ip link show "$bridge" >/dev/null 2>&1 ||
    { ip link add "$bridge" type bridge && ip addr add "$bridge_address" dev "$bridge" && ip link set "$bridge" up; }; then
    network=$bridge
  else
    say "cannot create a bridge: RUN in Docker Engine works only without a network"
  fi
  rm -f "$dir/dockerd.pid" # dockerd does not start if a stale one exists
  echo '{}' >"$dir/docker.json" # instead of the machine's /etc/docker/daemon.json
  launch docker dockerd --config-file "$dir/docker.json" --containerd "$dir/containerd.sock" \
    --data-root "$dir/docker" --exec-root "$dir/docker-state" --pidfile "$dir/dockerd.pid" \
    --host "unix://$dir/docker.sock" --iptables=false --ip6tables=false --ip-forward=false --bridge="$network"
}

start_buildkit() {
  : >"$dir/buildkitd.toml" # instead of the machine's /etc/buildkit/buildkitd.toml
  launch buildkit "$dir/bin/buildkitd" --config "$dir/buildkitd.toml" --root "$dir/buildkit" \
    --addr tcp://127.0.0.1:0 --oci-worker=true --containerd-worker=false
}

# A separate module pins buildkitd and its dependencies. With the Go build cache, this takes
# a second after the first time.
build_buildkitd() {
  CGO_ENABLED=0 GOFLAGS=-trimpath go build -C "$repo/scripts/engines/buildkitd" -o "$dir/bin/buildkitd" \
    github.com/moby/buildkit/cmd/buildkitd
}

start() {
  local missing=() program
  [ "$(uname -s)" = Linux ] || die "the engines run only on Linux; tests that need them are skipped"
  [ "$(id -u)" = 0 ] || die "the engines need root; run: sudo -E $0 start"
  for program in containerd:containerd ctr:containerd runc:runc dockerd:docker.io docker:docker.io ip:iproute2 \
    iptables:iptables setsid:util-linux flock:util-linux go:golang-go; do
    command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    die "missing programs; run: apt-get install -y --no-install-recommends $(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
  fi
  # A socket's path has at most 107 bytes, including ours and those of containerd's shims.
  [ ${#dir} -le 80 ] || die "the path $dir is too long for sockets; set SLIPWAY_ENGINES_DIR to a shorter one"
  mkdir -p "$dir/bin"
  chmod 700 "$dir"
  exec 9>"$dir/lock"
  flock 9

  running buildkit || build_buildkitd
  local engine
  for engine in "${engines[@]}"; do
    if running "$engine" && answers "$engine"; then
      say "$engine is already running"
      continue
    fi
    end "$engine"
    "start_$engine"
  done
}

# end ENGINE: terminate it, and kill it after 20 s.
end() {
  local pid
  if running "$1"; then
    pid=$(cat "$dir/$1.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL "$pid" 2>/dev/null || true
    say "$1 stopped"
  fi
  rm -f "$dir/$1.pid"
}

stop() {
  [ -d "$dir" ] || return 0
  exec 9>"$dir/lock"
  flock 9
  local i
  for ((i = ${#engines[@]} - 1; i >= 0; i--)); do end "${engines[i]}"; done
  ip link delete "$bridge" 2>/dev/null || true
  # A killed engine leaves its mounts behind. Unmount the deepest first.
  awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | tac | xargs -r -n1 umount
}

print_env() {
  local engine
  for engine in "${engines[@]}"; do
    running "$engine" || die "$engine is not running; run: $0 start"
  done
  printf 'export SLIPWAY_TEST_CONTAINERD=%q\n' "$dir/containerd.sock"
  printf 'export SLIPWAY_TEST_DOCKER=%q\n' "unix://$dir/docker.sock"
  printf 'export SLIPWAY_TEST_BUILDKIT=%q\n' "tcp://$(buildkit_address)"
  printf 'export SLIPWAY_TEST_BUILDKITD=%q\n' "$dir/bin/buildkitd"
}

status() {
  local engine all=0
  for engine in "${engines[@]}"; do
    if ! running "$engine"; then
      echo "$engine: stopped"
      all=1
    elif ! answers "$engine"; then
      echo "$engine: pid $(cat "$dir/$engine.pid"), does not answer; see $dir/$engine.log"
      all=1
    else
      echo "$engine: pid $(cat "$dir/$engine.pid"), answers"
    fi
  done
  return $all
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  env) print_env ;;
  status) status ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
