#!/bin/bash
# The images of a list out of a docker-registry's storage into a smaller one, by hard links (FIELD.md §2c).
#   select_registry_images.sh LIST STORAGE_ROOT SMALLER_ROOT
set -eo pipefail
list=$1 storage=$2 output=$3
blobs=docker/registry/v2/blobs/sha256
repositories=docker/registry/v2/repositories

for image in $(grep -Ev '^#|^/' "$list" | grep ':'); do
  name=${image%%:*} tag=${image##*:}
  digest=$(sed 's/sha256://' "$storage/$repositories/$name/_manifests/tags/$tag/current/link")
  manifest=$storage/$blobs/${digest:0:2}/$digest/data

  mkdir -p "$output/$blobs/${digest:0:2}/$digest"
  ln -f "$manifest" "$output/$blobs/${digest:0:2}/$digest/data"

  mkdir -p "$output/$repositories/$name/"{_uploads,_layers/sha256,_manifests/revisions/sha256,_manifests/tags}
  cp -a "$storage/$repositories/$name/_manifests/tags/$tag" "$output/$repositories/$name/_manifests/tags/"
  cp -a "$storage/$repositories/$name/_manifests/revisions/sha256/$digest" "$output/$repositories/$name/_manifests/revisions/sha256/"

  for layer in $(sed '/v1Compatibility/d' "$manifest" | grep -Eo '\b[a-f0-9]{64}\b' | sort -u); do
    mkdir -p "$output/$blobs/${layer:0:2}/$layer" "$output/$repositories/$name/_layers/sha256/$layer"
    ln -f "$storage/$blobs/${layer:0:2}/$layer/data" "$output/$blobs/${layer:0:2}/$layer/data"
    printf 'sha256:%s' "$layer" >"$output/$repositories/$name/_layers/sha256/$layer/link"
  done
done
