#!/bin/sh
# install-ldap.sh VENV: python-ldap has no wheels; build it where the headers are or can be had, and say so where not.
set -u
venv=$1
have_headers() { [ -e /usr/include/ldap.h ] && [ -e /usr/include/sasl/sasl.h ] && command -v gcc >/dev/null; }
if ! have_headers && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing the headers that python-ldap is built with ..."
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=500 \
        libldap-dev libsasl2-dev gcc python3-dev; } >/dev/null 2>&1
fi
if ! have_headers; then
    echo "LDAP is left out: python-ldap needs libldap-dev, libsasl2-dev and gcc. Install them and run the command again."
    exit 0
fi
sh deploy/install.sh "$venv" deploy/requirements-ldap.lock \
    || echo "LDAP is left out: python-ldap could not be built; everything else works without it."
