#!/bin/sh
# install.sh VENV LOCK: install what the lock names, every file checked against its hash.
set -eu
venv=$1 lock=$2
echo "Installing $lock ..."
if [ ! -x "$venv/bin/uv" ] && [ -z "${TPI_PLAIN_PIP:-}" ]; then
    # uv installs several times faster; its own files are checked by hash like all others. Without it pip does the work.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements-installer.lock \
        || echo "uv could not be installed; going on with pip."
fi
if [ -x "$venv/bin/uv" ]; then
    exec "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
fi
exec "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
