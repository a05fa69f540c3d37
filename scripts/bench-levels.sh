#!/usr/bin/env bash
# Compares the sizes and times of the zstd levels best and max with zstd -16 --long=25, as RKE2 calls it, for images
# whose base has many small files: perl, python3, time zones and certificates of this machine. Prints the table of
# docs/performance.md.
#
#   scripts/bench-levels.sh
#
# The other images are programs of the Go installation on that base. All files are in a temporary folder.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
for program in zstd dpkg-query /usr/bin/time; do
  command -v "$program" >/dev/null || { echo "bench: $program is missing; run: apt-get install zstd time" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
slipway=$work/slipway
echo "bench: building slipway and the images" >&2
go build -C "$repo" -o "$slipway" ./cmd/slipway

mkdir -p "$work/context/base"
for package in perl perl-base perl-modules-5.36 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib tzdata ca-certificates openssl; do
  dpkg-query -L "$package" 2>/dev/null || echo "bench: without $package, which is not installed" >&2
done | sort -u | while read -r file; do
  [ ! -f "$file" ] || [ -L "$file" ] || echo "$file"
done | tar -cf - --no-recursion -T - 2>/dev/null | tar -xf - -C "$work/context/base"
printf 'FROM scratch\nCOPY base /\nARG PROGRAM\nCOPY $PROGRAM /bin/program\n' >"$work/context/Dockerfile"
goroot=$(go env GOROOT)
find "$goroot/bin" "$goroot/pkg/tool" -type f -size +1M -exec cp {} "$work/context/" \;
layouts=()
for program in $(cd "$work/context" && find . -maxdepth 1 -type f ! -name Dockerfile -printf '%f\n' | sort | head -14); do
  "$slipway" image build --progress none --cache-dir "$work/cache" --platform linux/amd64 --build-arg "PROGRAM=$program" \
    -t "bench/$program:v1" -o "oci:$work/oci/$program" "$work/context" >/dev/null
  layouts+=("oci:$work/oci/$program")
done

# measured COMMAND…: its processor time in seconds, and its memory in MiB
measured() {
  /usr/bin/time -f "%U %S %M" -o "$work/time" -- "$@" >/dev/null
  awk '{ printf "%.1f s | %.0f MiB", $1 + $2, $3 / 1024 }' "$work/time"
}
size() { stat -c %s "$1" | awk '{ printf "%.2f MB", $1 / 1e6 }'; }
"$slipway" airgap pack --progress none --platform linux/amd64 --cache-dir "$work/cache" -o "$work/images.tar" "${layouts[@]}" >/dev/null
echo "${#layouts[@]} images, $(size "$work/images.tar") uncompressed, $(find "$work/context/base" -type f | wc -l) files in the base"
echo
echo "| .tar.zst | size | processor time | peak memory |"
echo "|---|--:|--:|--:|"
row() { echo "| $1 | $(size "$2") | $3 |"; }
figures=$(measured zstd -q -T0 -16 --long=25 -f "$work/images.tar" -o "$work/theirs.tar.zst")
row "zstd -T0 -16 --long=25" "$work/theirs.tar.zst" "$figures"
for level in best max; do
  figures=$(measured "$slipway" airgap pack --progress none --platform linux/amd64 --cache-dir "$work/cache-$level" --level "$level" -o "$work/$level.tar.zst" "${layouts[@]}")
  row "slipway --level $level" "$work/$level.tar.zst" "$figures"
done
