#!/bin/sh
# Installs slipway for this machine: downloads the binary and its checksums, compares them,
# and replaces an older binary in one step.
#
#   curl -fsSL https://github.com/slipway-build/slipway/releases/latest/download/install.sh | sh
#   SLIPWAY_ARTIFACTS=/media/usb sh install.sh      # from files, without a network
#
# SLIPWAY_VERSION       version, such as v0.2.0; default: the latest release
# SLIPWAY_INSTALL_DIR   folder; default: /usr/local/bin
# SLIPWAY_ARTIFACTS     folder with the files of a release; nothing is downloaded
# SLIPWAY_BASE_URL      another server; default: https://github.com/slipway-build/slipway/releases
set -eu

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

case $(uname -s) in
Linux) ;;
*) fail "this script is for Linux, and this is $(uname -s); on Windows use install.ps1, elsewhere go install" ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
aarch64 | arm64) arch=arm64 ;;
*) fail "there is no binary for $(uname -m): want x86_64 or aarch64, or build it with go install" ;;
esac
binary=slipway.linux-$arch
sums=sha256sum-$arch.txt
dir=${SLIPWAY_INSTALL_DIR:-/usr/local/bin}

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM

if [ -n "${SLIPWAY_ARTIFACTS:-}" ]; then
  for file in "$binary" "$sums"; do
    [ -f "$SLIPWAY_ARTIFACTS/$file" ] || fail "$SLIPWAY_ARTIFACTS has no $file"
    cp "$SLIPWAY_ARTIFACTS/$file" "$temp/$file"
  done
else
  base=${SLIPWAY_BASE_URL:-https://github.com/slipway-build/slipway/releases}
  if [ -n "${SLIPWAY_VERSION:-}" ]; then
    url=$base/download/$SLIPWAY_VERSION
  else
    url=$base/latest/download
  fi
  for file in "$sums" "$binary"; do
    if command -v curl >/dev/null 2>&1; then
      curl -fsSL --retry 3 -o "$temp/$file" "$url/$file" || fail "cannot download $url/$file"
    elif command -v wget >/dev/null 2>&1; then
      wget -q -O "$temp/$file" "$url/$file" || fail "cannot download $url/$file"
    else
      fail "curl or wget is needed; or download the files elsewhere and set SLIPWAY_ARTIFACTS"
    fi
  done
fi

# The line of the binary alone: the other files of the release are not here.
wanted=$(awk -v name="$binary" '{ file = $2; sub(/^\*/, "", file) } file == name { print $1 }' "$temp/$sums")
[ -n "$wanted" ] || fail "$sums has no checksum of $binary"
found=$(sha256sum "$temp/$binary" | cut -d' ' -f1)
[ "$found" = "$wanted" ] || fail "$binary has the SHA-256 $found, and $sums says $wanted: it is damaged, or not of this release"

mkdir -p "$dir" 2>/dev/null && [ -w "$dir" ] || fail "cannot write to $dir: run with sudo, or set SLIPWAY_INSTALL_DIR"
# In the folder itself, so that the rename replaces a binary that may be running.
cp "$temp/$binary" "$dir/.slipway.$$"
chmod 755 "$dir/.slipway.$$"
mv -f "$dir/.slipway.$$" "$dir/slipway"
"$dir/slipway" version
case :$PATH: in
*:$dir:*) ;;
*) echo "install.sh: $dir is not in PATH" >&2 ;;
esac
