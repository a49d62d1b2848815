#!/bin/sh
# Fills Node's compile cache with what the commands load, so that a container with a read-only file system starts warm.
set -eu
export NODE_COMPILE_CACHE=/longshore/.cache/compile HOME=/tmp
for command in '--version' '--help' 'migrate --help' 'submit --help' 'demo'; do
  # Unquoted: it is words.
  /longshore/bin/longshore $command >/dev/null
done
# Services load the rest, then wait for a Redis that is not there; the cache is written when they end.
export LONGSHORE_TOKEN=warm
for service in worker coordinator; do
  said=$(mktemp)
  /longshore/bin/longshore "$service" --redis redis://127.0.0.1:1 --listen 127.0.0.1:0 >"$said" &
  until grep -q listening "$said"; do
    kill -0 $! || { cat "$said"; exit 1; }
    sleep 0.2
  done
  kill $!
  wait $!
  rm "$said"
done
