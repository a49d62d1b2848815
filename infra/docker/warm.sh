#!/bin/sh
# Fills Node's compile cache with what the commands load, so that a container with a read-only file system starts warm.
set -eu
export NODE_COMPILE_CACHE=/longshore/.cache/compile HOME=/tmp
for command in '--version' '--help' 'migrate --help' 'worker --help' 'coordinator --help' 'demo'; do
  # Unquoted: it is words.
  /longshore/bin/longshore $command >/dev/null
done
