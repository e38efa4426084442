#!/bin/sh
# lock.sh UV: write all lock files anew. They carry hashes and name no index.
set -eu
uv=$1
compile() { "$uv" pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --quiet "$@"; }
compile pyproject.toml -o deploy/requirements.lock
compile pyproject.toml --extra ldap -c deploy/requirements.lock -o deploy/requirements-ldap.lock
compile pyproject.toml --extra ldap --group test --group check -c deploy/requirements-ldap.lock -o deploy/requirements-test.lock
compile --group installer -o deploy/requirements-installer.lock
compile --group clients -o deploy/requirements-clients.lock
compile --group peers -o deploy/requirements-peers.lock
compile --group deploy -o deploy/requirements-deploy.lock
