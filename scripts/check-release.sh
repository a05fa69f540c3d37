#!/usr/bin/env bash
# Builds this repository's release and checks it with third-party tools: file, tar,
# sha256sum, skopeo (layout, archive, registry), docker load, ctr, umoci. Prints "release
# checked" at the end; the first difference ends the script with an error.
#
#   scripts/engines.sh start && eval "$(scripts/engines.sh env)"
#   scripts/check-release.sh
#
# It uses the engines of engines.sh, and starts a registry of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
registry_pid=
trap '[ -z "$registry_pid" ] || kill "$registry_pid"; rm -rf "$temp"' EXIT

step() { echo "== $*" >&2; }
# Do not use grep -q in pipes below: it exits early, and the writing program then fails.
fail() { echo "check-release: $*" >&2; exit 1; }
want() { # want WHAT WANTED GOT
  [ "$2" = "$3" ] || fail "$1: want"$'\n'"$2"$'\n'"got"$'\n'"$3"
}

# Below the range of ephemeral ports.
port=$((20000 + RANDOM % 12000))
export REGISTRY=127.0.0.1:$port
mkdir "$temp/registry"
printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $temp/registry}}" "http: {addr: \"$REGISTRY\"}" >"$temp/registry.yml"
docker-registry serve "$temp/registry.yml" >"$temp/registry.log" 2>&1 &
registry_pid=$!

step "make, make package, make verify, make publish"
# The commit may be untagged.
SNAPSHOT=1 make build package verify publish

tag=$(jq -r .release.tag dist/artifacts.json)
runtime=$REGISTRY/slipway/slipway-runtime:$tag
versions='10.0.26100.4294 10.0.20348.4294 10.0.17763.7919'
slipway=dist/bin/linux-$(go env GOARCH)/slipway

step "file"
for arch in x86-64 aarch64; do
  slug=linux-amd64; [ $arch = x86-64 ] || slug=linux-arm64
  for binary in dist/bin/$slug/*; do
    file "$binary" | grep "ELF 64-bit LSB executable, .*$arch.*statically linked" >/dev/null || fail "$(file "$binary")"
  done
done
for binary in dist/bin/windows-amd64/*; do
  file "$binary" | grep 'PE32+ executable (console) x86-64' >/dev/null || fail "$(file "$binary")"
done
$slipway version | grep "runtime image $runtime\$" >/dev/null || fail "$($slipway version)"

step "sha256sum"
for sums in dist/artifacts/sha256sum-*.txt; do
  (cd dist/artifacts && sha256sum --check --strict --quiet "$(basename "$sums")")
done

step "tar: metadata first, and the text list is what manifest.json says"
for archive in dist/artifacts/*images*.tar.zst dist/artifacts/*images*.tar.gz; do
  names=$(tar -tf "$archive")
  want "$archive begins with" "manifest.json oci-layout index.json" "$(head -3 <<<"$names" | tr '\n' ' ' | sed 's/ $//')"
  list=${archive%.tar.*}.txt
  want "$archive, first names" "$(cat "$list")" "$(tar -xOf "$archive" manifest.json | jq -r '.[].RepoTags[0]')"
done

step "skopeo: the layout, the archives, the registry"
want "platforms of dist/oci" "linux/amd64  linux/arm64  $(for v in $versions; do printf 'windows/amd64 %s ' "$v"; done)" \
  "$(skopeo inspect --raw "oci:dist/oci:$runtime" | jq -r '[.manifests[].platform | "\(.os)/\(.architecture) \(."os.version" // "")"] | join(" ")') "
raw=$(skopeo inspect --tls-verify=false --raw "docker://$runtime")
want "platforms of the registry" "$(skopeo inspect --raw "oci:dist/oci:$runtime")" "$raw"
for name in "$tag-linux-amd64" "$tag-linux-arm64" "$tag-windows-ltsc2019-amd64" "$tag-windows-ltsc2022-amd64" "$tag-windows-ltsc2025-amd64"; do
  # A copy reads and verifies every blob.
  skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/slipway/slipway-runtime:$name" "oci:$temp/pulled:$name"
done
for slug in linux-amd64 linux-arm64; do
  archive=dist/artifacts/slipway-images.$slug
  zstd -dqf "$archive.tar.zst" -o "$temp/images.tar"
  for ref in $(cat "$archive.txt"); do
    skopeo inspect --override-os linux --override-arch "${slug#linux-}" "docker-archive:$temp/images.tar:$ref" >"$temp/inspect.json"
    want "architecture of $ref" "${slug#linux-}" "$(jq -r .Architecture "$temp/inspect.json")"
  done
done
for windows in ltsc2019 ltsc2022 ltsc2025; do
  version=$(tar -xOf "dist/artifacts/slipway-images-windows.windows-$windows-amd64.tar.zst" manifest.json | jq -r '.[0].Config' |
    xargs tar -xOf "dist/artifacts/slipway-images-windows.windows-$windows-amd64.tar.zst" | jq -r '."os.version"')
  grep -q "^  $windows: $version\$" slipway.yaml || fail "$windows holds os.version $version"
done

if [ -n "${SLIPWAY_TEST_DOCKER:-}" ]; then
  export DOCKER_HOST=$SLIPWAY_TEST_DOCKER
  step "docker load"
  for codec in tar.zst tar.gz; do
    # Docker 20.10 does not support zstd.
    case $codec in tar.zst) read=(zstd -dcq) ;; *) read=(cat) ;; esac
    loaded=$("${read[@]}" "dist/artifacts/slipway-images.linux-amd64.$codec" | docker load)
    grep -q "Loaded image: $runtime" <<<"$loaded" || fail "docker load of $codec said: $loaded"
  done
  want "docker's image ID" "$(tar -xOf dist/artifacts/slipway-images.linux-amd64.tar.gz manifest.json | jq -r '.[0].Config' | sed 's|blobs/sha256/|sha256:|')" \
    "$(docker image inspect -f '{{.Id}}' "$runtime")"
  docker image inspect "$runtime" >/dev/null
fi
if [ -n "${SLIPWAY_TEST_CONTAINERD:-}" ]; then
  step "ctr images import"
  ctr="ctr --address $SLIPWAY_TEST_CONTAINERD --namespace slipway-check"
  for archive in dist/artifacts/slipway-images.linux-amd64.tar.gz dist/artifacts/slipway-images-windows.windows-*.tar.gz; do
    gzip -dc "$archive" | $ctr images import --all-platforms --no-unpack - >"$temp/import" 2>&1 || fail "$archive: $(cat "$temp/import")"
    for ref in $(cat "${archive%.tar.gz}.txt"); do
      $ctr images ls -q | grep -x "$ref" >/dev/null || fail "$archive: ctr has no $ref: $($ctr images ls -q)"
    done
  done
fi

step "slipway airgap verify, find, extract"
$slipway airgap verify --list dist/artifacts/slipway-images.linux-amd64.txt dist/artifacts/slipway-images.linux-amd64.tar.zst >/dev/null
$slipway airgap find --platform linux/amd64 dist/artifacts >/dev/null
$slipway airgap extract --from dist/artifacts/slipway-images.linux-amd64.tar.zst --path "/bin=$temp/bin" --path "/charts=$temp/charts" >/dev/null
want "extracted files" "$(cd dist/bin/linux-amd64 && ls | grep -v -e pause -e verifier)" "$(ls "$temp/bin")"
cmp "$temp/bin/slipway" dist/bin/linux-amd64/slipway

# Only a commit can be built again.
if [ -z "$(git status --porcelain --untracked-files=no)" ]; then
  step "slipway verify --rebuild"
  $slipway verify --rebuild --attest "$temp/rebuilt.json"
  want "subjects of the verification summary" "$(jq '.made | length' dist/artifacts.json)" "$(jq '.subject | length' "$temp/rebuilt.json")"
fi

step "a second make does nothing"
before=$(find dist -type f -not -path '*/.slipway/*' -printf '%p %i %T@\n' | sort)
make build package >/dev/null 2>&1
want "files of dist" "$before" "$(find dist -type f -not -path '*/.slipway/*' -printf '%p %i %T@\n' | sort)"
echo "release checked"
