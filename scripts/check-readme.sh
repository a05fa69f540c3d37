#!/usr/bin/env bash
# Runs the commands of README.md, as they stand in its code blocks, in a clone of this
# checkout's last commit: those of "Quick start" but for the clone and the tests, and
# those of "Tour". Ends with "README checked".
#
#   scripts/check-readme.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
# The registries of the tour end with its process group.
trap '[ -z "${tour:-}" ] || kill -- "-$tour" 2>/dev/null || true; chmod -R u+w "$temp"; rm -rf "$temp"' EXIT

git clone -q . "$temp/slipway"
commands=$(awk '
  /^## / { section = $0 }
  /^```/ { shown = $0 == "```sh" && (section == "## Quick start" || section == "## Tour"); next }
  shown && !/^git clone / && !/^make test/
' "$temp/slipway/README.md")
# Both registries get ports that this machine does not use. They are below those that the
# system gives out by itself.
port=$((20000 + RANDOM % 12000))
commands=${commands//127.0.0.1:5000/127.0.0.1:$port}
commands=${commands//127.0.0.1:5001/127.0.0.1:$((port + 1))}
[ "$(grep -c '^slipway ' <<<"$commands")" -ge 10 ] || { echo "check-readme: README.md has fewer commands than expected" >&2; exit 1; }

set -m # a process group for the tour
(cd "$temp/slipway" && CI=true exec bash -euxo pipefail -c "$commands") &
tour=$!
wait "$tour"
cmp "$temp/slipway/out/next.tar.zst" "$temp/slipway/dist/artifacts/slipway-images.linux-amd64.tar.zst"
ls "$temp"/slipway/out/opt/bin/slipway >/dev/null
echo "README checked"
