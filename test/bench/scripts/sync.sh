#!/bin/bash
# One skopeo copy per line of a list, one after another, the first failure ends it (FIELD.md §2b).
#   sync.sh LIST SOURCE_REGISTRY TARGET      TARGET: docker://HOST or dir:/PATH
set -eo pipefail
list=$1 source=$2 target=$3
images=$(sed -n '/#/d;s/:/:/p' "$list" | sort -u)
all=$(wc -l <<<"$images")
at=0
while read -r image; do
  at=$((at + 1))
  [[ $target == dir:* ]] && mkdir -p "${target#dir:}/$(dirname "$image")"
  if skopeo copy --insecure-policy --src-tls-verify=false --dest-tls-verify=false --override-arch amd64 --override-os linux -q \
    "docker://$source/$image" "$target/$image"; then
    echo " Progress: $at/$all sync $source/$image to $target/$image successful"
  else
    echo " Progress: $at/$all sync $source/$image to $target/$image failed"
    exit 2
  fi
done <<<"$images"
