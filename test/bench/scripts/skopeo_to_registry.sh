#!/bin/bash
# Directories as `skopeo copy … dir:` makes them become a docker-registry's storage, by hard links (FIELD.md §2c).
#   skopeo_to_registry.sh DIRECTORY STORAGE_ROOT
set -eo pipefail
images=$1 storage=$2
blobs=$storage/docker/registry/v2/blobs/sha256
repositories=$storage/docker/registry/v2/repositories

find "$images" -type f -name manifest.json | while read -r manifest; do
  folder=$(dirname "$manifest")
  image=${folder#"$images"/}
  name=${image%:*} tag=${image##*:}
  digest=$(sha256sum "$manifest" | cut -d ' ' -f 1)

  mkdir -p "$blobs/${digest:0:2}/$digest"
  ln -f "$manifest" "$blobs/${digest:0:2}/$digest/data"

  manifests=$repositories/$name/_manifests
  mkdir -p "$repositories/$name/_uploads" "$manifests/revisions/sha256/$digest" "$manifests/tags/$tag/current" "$manifests/tags/$tag/index/sha256/$digest"
  printf 'sha256:%s' "$digest" >"$manifests/revisions/sha256/$digest/link"
  printf 'sha256:%s' "$digest" >"$manifests/tags/$tag/current/link"
  printf 'sha256:%s' "$digest" >"$manifests/tags/$tag/index/sha256/$digest/link"

  for layer in $(sed '/v1Compatibility/d' "$manifest" | grep -Eo '\b[a-f0-9]{64}\b' | sort -u); do
    mkdir -p "$blobs/${layer:0:2}/$layer" "$repositories/$name/_layers/sha256/$layer"
    ln -f "$folder/$layer" "$blobs/${layer:0:2}/$layer/data"
    printf 'sha256:%s' "$layer" >"$repositories/$name/_layers/sha256/$layer/link"
  done
done
