#!/usr/bin/env bash
# Compares the embedded builder with `buildctl build`, using the same Dockerfile: a runtime
# image of 200 MB that is copied from a named context through a second stage. Prints a
# table of seconds and peak memory (without buildkitd's).
#
#   scripts/engines.sh start && eval "$(scripts/engines.sh env)"
#   scripts/bench-builders.sh
#   HUGE=1 scripts/bench-builders.sh    also measures a layer of 2 GB
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${SLIPWAY_TEST_BUILDKIT:?start the engines: scripts/engines.sh start && eval \"\$(scripts/engines.sh env)\"}"
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
go build -o "$temp/slipway" ./cmd/slipway
GOFLAGS=-trimpath go build -C scripts/engines/buildkitd -o "$temp/buildctl" github.com/moby/buildkit/cmd/buildctl
unset GOFLAGS

# 200 MB of real programs and libraries, all different.
mkdir -p "$temp/bin" "$temp/context/charts"
echo 'name: bench' >"$temp/context/charts/chart.yaml"
total=0 n=0
while read -r size file; do
  cp "$file" "$temp/bin/$((n++))-$(basename "$file")"
  total=$((total + size))
  [ $total -lt 200000000 ] || break
done < <(find "$(go env GOROOT)/pkg/tool" "$(go env GOROOT)/bin" /usr/bin /usr/lib -type f -size +200k -printf '%s %p\n' 2>/dev/null | sort -k2)
cat >"$temp/context/Dockerfile" <<'DOCKERFILE'
FROM scratch AS collect
COPY --from=bin / /bin/
COPY charts/ /charts/

FROM scratch
COPY --from=collect /charts/ /charts/
COPY --from=collect /bin/ /bin/
DOCKERFILE

# Builds without a change are measured three times, and the best is printed: they are so
# short that other load on the machine affects them.
measure() { # measure NAME COMMAND…
  local name=$1 times=1
  shift
  [[ $name != *"nothing changed"* ]] || times=3
  : >"$temp/times"
  for _ in $(seq $times); do
    rm -rf "$temp/oci" "$temp/oci.tar"
    /usr/bin/time -f '%e %M' -o "$temp/times" -a "$@" >"$temp/out" 2>&1 || { cat "$temp/out" >&2; exit 1; }
  done
  sort -n "$temp/times" | head -n1 | awk -v name="$name" '{printf "| %-50s | %7.2f | %5.0f |\n", name, $1, $2/1024}'
}
buildctl() {
  "$temp/buildctl" --addr "$SLIPWAY_TEST_BUILDKIT" "$@"
}
by_buildkit() {
  measure "$1" "$temp/buildctl" --addr "$SLIPWAY_TEST_BUILDKIT" build --progress plain --frontend dockerfile.v0 \
    --local context="$temp/context" --local dockerfile="$temp/context" --opt context:bin=local:bin --local bin="$temp/bin" \
    --output "type=oci,dest=$temp/oci.tar"
}
by_slipway() {
  local name=$1
  shift
  measure "$name" "$temp/slipway" --cache-dir "$temp/cache" --progress none image build \
    --build-context bin="$temp/bin" -o "oci:$temp/oci" "$@" "$temp/context"
}
change() { printf x >>"$(ls "$temp"/bin/0-*)"; }

echo "$(ls "$temp/bin" | wc -l) files, $(du -sm "$temp/bin" | cut -f1) MiB; $(nproc) processors"
echo
echo "| build                                              | seconds | MiB   |"
echo "|----------------------------------------------------|--------:|------:|"
buildctl prune --all >/dev/null
by_buildkit "buildctl, cold"
by_buildkit "buildctl, nothing changed"
change
by_buildkit "buildctl, one file changed"
by_slipway "slipway, cold"
by_slipway "slipway, nothing changed"
change
by_slipway "slipway, one file changed"
rm -rf "$temp/cache"
by_slipway "slipway, three Windows versions, cold" --platform \
  windows/amd64:10.0.17763.7919,windows/amd64:10.0.20348.4294,windows/amd64:10.0.26100.4294
if [ -n "${HUGE:-}" ]; then
  rm -rf "$temp/bin" "$temp/cache" "$temp/oci" "$temp/oci.tar"
  mkdir "$temp/bin"
  head -c 2000000000 /dev/urandom >"$temp/bin/huge"
  by_slipway "slipway, a layer of 2 GB, cold"
fi
