#!/usr/bin/env bash
# Installs axe-core, the accessibility checker that a test of build/report/page runs in Chromium, and prints its path.
# npm verifies what it downloads; the digest pins it. Its source is not in this repository because its licence is
# MPL-2.0.
#
#   scripts/tools/axe.sh
set -euo pipefail

version=4.14.1
digest=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
dir=${XDG_CACHE_HOME:-$HOME/.cache}/slipway-tools
file=$dir/axe.min.js

matches() { echo "$digest  $1" | sha256sum --check --status 2>/dev/null; }

if ! matches "$file"; then
  command -v npm >/dev/null || {
    echo "axe: npm is missing; run: apt-get install -y --no-install-recommends npm" >&2
    exit 1
  }
  temp=$(mktemp -d)
  trap 'rm -rf "$temp"' EXIT
  (cd "$temp" && npm pack --silent "axe-core@$version" >/dev/null && tar xzf "axe-core-$version.tgz" package/axe.min.js)
  matches "$temp/package/axe.min.js" || {
    echo "axe: axe-core $version does not have the SHA-256 $digest" >&2
    exit 1
  }
  mkdir -p "$dir"
  mv "$temp/package/axe.min.js" "$file"
fi
echo "$file"
