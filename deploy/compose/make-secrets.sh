#!/bin/sh
# make-secrets.sh: make the secrets that the nodes of compose.yaml share, once. Keep a copy of the folder apart from backups, and
# of the key ring too, which the first node makes in the volume "keys".
set -eu
umask 077
folder=$(dirname "$0")/secrets
mkdir -p "$folder"
made() { [ -s "$folder/$1" ]; }
random() { head -c 48 /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'; }
made database-password || random >"$folder/database-password"
made database-url || printf 'postgres://tpi:%s@database:5432/tpi' "$(cat "$folder/database-password")" >"$folder/database-url"
made cache-password || random >"$folder/cache-password"
made cache-conf || printf 'requirepass %s\n' "$(cat "$folder/cache-password")" >"$folder/cache-conf"
made cache-url || printf 'redis://:%s@cache:6379/0' "$(cat "$folder/cache-password")" >"$folder/cache-url"
for name in secret-key token-pepper admin-password; do
    made "$name" || random >"$folder/$name"
done
made audit-key || openssl genpkey -algorithm ed25519 -out "$folder/audit-key"
# The nodes run as another user than who calls this, and files are mounted as they lie; the folder keeps everybody else out.
chmod 0444 "$folder"/*
chmod 0700 "$folder"
echo "The administrator 'admin' signs in with the password in $folder/admin-password."
