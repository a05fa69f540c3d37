#!/usr/bin/env bash
# Runs the tests of all or of the given packages as Windows programs under Wine, with
# -short. Tests that fail because of a limit of Wine are listed in scripts/wine-limits.txt
# with the reason.
#
#   scripts/test-windows.sh                              every package
#   scripts/test-windows.sh ./images/store -run Prune    also accepts flags of go test
#
# EVENTS=FILE keeps the output of go test -json. Needs Debian's wine64 and gcc-mingw-w64-x86-64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
server=$(command -v wineserver64 || echo /usr/lib/wine/wineserver64)
gcc=x86_64-w64-mingw32-gcc
for program in "$wine" "$server" "$gcc"; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install wine64 gcc-mingw-w64-x86-64" >&2; exit 1; }
done

work=$(mktemp -d /tmp/slipway-windows.XXXXXX)
# Suppress Wine's own fixme and err lines.
export WINEPREFIX=$work/prefix WINEDEBUG=-all
# Whatever ends this script ends the tests, and Wine with them.
finish() {
  kill $(jobs -p) 2>/dev/null || true
  "$server" -k || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# A server that a test starts would keep the test's output open.
mkdir "$WINEPREFIX"
"$server" -p
"$wine" wineboot --init >/dev/null 2>&1

# Go reads random numbers from a DLL that Wine 8 does not have.
cat >"$work/prng.c" <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
    return SystemFunction036(data, (ULONG)length);
}
C
"$gcc" -O2 -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$work/prng.c" -ladvapi32

# Files of Go's standard library that are compiled with a change. replace FILE FROM TO: FROM is a whole line of FILE, in
# sed's notation.
replaced=
replace() {
  local file mended=$work/$(basename "$1")
  file=$(go env GOROOT)/src/$1
  sed "s/^$2\$/$3/" "$file" >"$mended"
  cmp -s "$file" "$mended" && { echo "$file no longer has the line $2" >&2; exit 1; }
  replaced+="${replaced:+, }\"$file\": \"$mended\""
}
# Wine 8 does not support FileDispositionInfoEx, which os.RemoveAll, and so the cleanup of
# every test, uses. Go has a fallback for old versions of Windows.
replace internal/syscall/windows/at_windows.go 'var TestDeleteatFallback bool' 'var TestDeleteatFallback = true'
# On a loaded machine, a program that Wine 8 starts may end before it runs: ERROR_INTERNAL_ERROR, which is 1359.
replace syscall/exec_windows.go '\(\t*\)\(err = CreateProcess(.*)\)' '\1for range 5 {\n\1\t\2\n\1\tif err != Errno(1359) {\n\1\t\tbreak\n\1\t}\n\1}'
printf '{"Replace": {%s}}' "$replaced" >"$work/overlay.json"

# Of the engines, only a buildkitd at a TCP address is in reach of a Windows program. Tests of
# the others are skipped.
without=
for variable in GOOS SLIPWAY_REQUIRE_ENGINES ${!SLIPWAY_TEST_*}; do
  [[ $variable == SLIPWAY_TEST_BUILDKIT && ${!variable} == tcp://* ]] || without+="-u $variable "
done
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
[ $# -gt 0 ] || set -- ./...
# gotest alone decides: go test also fails because of a test that is listed.
{ GOOS=windows go test -json -short -vet=off -count=1 -skip '^Fuzz' -timeout 10m -ldflags "-s -w" \
  -overlay "$work/overlay.json" -exec "env ${without}$wine" "$@" || true; } |
  tee "${EVENTS:-/dev/null}" |
  go -C scripts/gotest run . -limits "$PWD/scripts/wine-limits.txt" &
wait $! # which a signal ends at once
