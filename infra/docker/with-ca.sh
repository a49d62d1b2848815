#!/bin/sh
# with-ca.sh COMMAND…: with the build's secret `ca`, where it was given, among the certificate authorities.
set -eu
ca=/run/secrets/ca
[ -s "$ca" ] || exec "$@"
all=$(mktemp)
trap 'rm -f "$all"' EXIT
cat /etc/ssl/certs/ca-certificates.crt "$ca" >"$all"
# Node's, OpenSSL's, and npm's own, which a line in the secret npmrc may have set to a file that is not here.
export NODE_EXTRA_CA_CERTS="$all" SSL_CERT_FILE="$all" npm_config_cafile="$all"
"$@"
