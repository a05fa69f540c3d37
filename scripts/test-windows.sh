#!/usr/bin/env bash
# Runs the tests of all packages, or of those that are named, as Windows programs under
# Wine: cross-compiled, with -short. Wine is not Windows; tests that fail for what it
# lacks stand in scripts/wine-limits.txt with the reason. One that passes all the same is
# an error, so that the list stays true.
#
#   scripts/test-windows.sh                    every package
#   scripts/test-windows.sh ./images/store     one
#
# Needs Debian's wine64 and gcc-mingw-w64-x86-64. VERBOSE=1 shows all output.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
gcc=x86_64-w64-mingw32-gcc
for program in "$wine" "$gcc"; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install wine64 gcc-mingw-w64-x86-64" >&2; exit 1; }
done

work=$(mktemp -d /tmp/slipway-windows.XXXXXX)
# Wine's own fixme and err lines say nothing about us.
export WINEPREFIX=$work/prefix WINEDEBUG=-all
trap '"${wine%wine64}"wineserver64 -k 2>/dev/null || true; rm -rf "$work"' EXIT
"$wine" wineboot --init >/dev/null 2>&1

# Go takes random numbers from a DLL that Wine 8 does not have yet.
cat >"$work/prng.c" <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
    return SystemFunction036(data, (ULONG)length);
}
C
"$gcc" -O2 -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$work/prng.c" -ladvapi32

# Nor does Wine 8 know FileDispositionInfoEx, which os.RemoveAll asks for, and with it
# the clean-up of every test. Go has another way for old Windows.
removal=$(go env GOROOT)/src/internal/syscall/windows/at_windows.go
sed 's/^var TestDeleteatFallback bool$/var TestDeleteatFallback = true/' "$removal" >"$work/at_windows.go"
cmp -s "$removal" "$work/at_windows.go" && { echo "$removal has no TestDeleteatFallback any more" >&2; exit 1; }
printf '{"Replace": {"%s": "%s"}}' "$removal" "$work/at_windows.go" >"$work/overlay.json"

export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
mapfile -t packages < <(GOOS=windows go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' "${@:-./...}")
status=0
for line in "${packages[@]}"; do
  package=${line% *} dir=${line#* }
  name=${package#*/*/slipway} name=${name#/}
  name=${name:-.}
  program=$work/${name//\//-}.exe
  GOOS=windows go test -c -overlay "$work/overlay.json" -ldflags "-s -w" -o "$program" "$package"
  output=$work/output
  began=$SECONDS
  (cd "$dir" && timeout 600 "$wine" "$program" -test.short -test.v -test.timeout 590s >"$output" 2>&1) || true
  [ -z "${VERBOSE:-}" ] || cat "$output"
  passed=$(grep -c '^--- PASS' "$output" || true)
  grep -o -E '^ *--- FAIL: [^ ]+' "$output" | sed 's/^ *--- FAIL: //' | sort -u >"$work/failed" || true
  # A test whose subtests are excused is excused with them.
  awk -v name="$name" '!/^#/ && $1 == name {print $2}' scripts/wine-limits.txt | sort -u >"$work/excused"
  wrong=$(while read -r test; do
    grep -q -x -F "$test" "$work/excused" && continue
    sub=$(grep -F "$test/" "$work/failed" || true)
    [ -n "$sub" ] && continue
    echo "$test"
  done <"$work/failed")
  healed=$(comm -23 "$work/excused" "$work/failed")
  printf '%-20s %3d passed, %2d excused, %s s\n' "$name" "$passed" "$(wc -l <"$work/excused")" $((SECONDS - began))
  if ! tail -1 "$output" | tr -d '\r' | grep -q -x -E 'PASS|FAIL'; then
    echo "  the tests did not end:"; tail -30 "$output" | sed 's/^/    /'; status=1
  fi
  if [ -n "$wrong" ]; then
    status=1
    while read -r test; do
      echo "  FAIL $test"
      grep -A40 -x -F "=== RUN   $test"$'\r' "$output" | grep -v '^=== RUN' | head -12 | sed 's/^/    /' || true
      grep -A40 -x -F "=== RUN   $test" "$output" | grep -v '^=== RUN' | head -12 | sed 's/^/    /' || true
    done <<<"$wrong"
  fi
  if [ -n "$healed" ]; then
    status=1
    sed 's/^/  passes, though scripts\/wine-limits.txt has it: /' <<<"$healed"
  fi
  rm -f "$program"
done
exit $status
