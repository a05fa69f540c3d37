#!/bin/sh
# Writes a manifest for each chart of chart_versions.yaml beside this file.
set -eu
cd "$(dirname "$0")"
sed -n 's/^  - version: //p; s/^    filename: //p' chart_versions.yaml | while read -r version && read -r file; do
  name=$(basename "$file" .yaml)
  printf 'kind: HelmChart\nmetadata: {name: %s}\nspec: {version: %s, kubeVersion: ">= %s"}\n' "$name" "$version" "$KUBERNETES_VERSION" >"$name.yaml"
done
