#!/bin/bash
# A docker-registry's storage becomes directories that skopeo reads as dir:, by hard links (FIELD.md §2c).
#   registry_to_skopeo.sh STORAGE_ROOT DIRECTORY
set -eo pipefail
storage=$1 output=$2
blobs=$storage/docker/registry/v2/blobs/sha256
repositories=$storage/docker/registry/v2/repositories

find "$repositories" -type d -name current | while read -r current; do
  tag=$(basename "$(dirname "$current")")
  name=${current#"$repositories"/}
  name=${name%%/_manifests/*}
  digest=$(sed 's/sha256://' "$current/link")
  manifest=$blobs/${digest:0:2}/$digest/data
  image=$output/$name:$tag
  mkdir -p "$image"
  ln -f "$manifest" "$image/manifest.json"
  for layer in $(sed '/v1Compatibility/d' "$manifest" | grep -Eo '\b[a-f0-9]{64}\b' | sort -u); do
    ln -f "$blobs/${layer:0:2}/$layer/data" "$image/$layer"
  done
done
