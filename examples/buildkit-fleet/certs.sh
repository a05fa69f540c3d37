#!/usr/bin/env bash
# Makes a CA, and certificates of the workers and of their clients, in the folder certs: what the manifest's Secret and
# BUILDKIT_TLS_DIR need.
#
#   examples/buildkit-fleet/certs.sh
#   kubectl -n build create secret generic buildkitd-certs --from-file=certs/server
#   export BUILDKIT_TLS_DIR=$PWD/certs/client
set -euo pipefail
umask 077
mkdir -p certs/server certs/client
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=buildkitd CA" \
  -keyout certs/ca-key.pem -out certs/ca.pem
for role in server client; do
  usage=${role}Auth names=
  # Pods are BUILDKIT-POD.buildkitd.build.svc.cluster.local; a wildcard is for one label.
  [ "$role" = client ] || names=",subjectAltName=DNS:buildkitd.build.svc.cluster.local,DNS:*.buildkitd.build.svc.cluster.local"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=buildkitd $role" \
    -keyout "certs/$role/key.pem" -out "certs/$role/request.pem"
  printf '%s\n' "extendedKeyUsage=$usage" ${names:+"${names#,}"} >"certs/$role/extensions"
  openssl x509 -req -days 825 -in "certs/$role/request.pem" -CA certs/ca.pem -CAkey certs/ca-key.pem -CAcreateserial \
    -extfile "certs/$role/extensions" -out "certs/$role/cert.pem"
  cp certs/ca.pem "certs/$role/ca.pem"
  rm "certs/$role/request.pem" "certs/$role/extensions"
done
