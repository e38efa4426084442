#!/bin/sh
# install-debian.sh PACKAGE...: install Debian packages that are missing when root, else name them. None starts a service.
set -eu
missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "These Debian packages are missing; the tests that need them will fail:$missing" >&2
    exit 0
fi
echo "Installing$missing ..."
# The tests start servers of their own. Packages ask this file whether they may start theirs, and 101 means no; a policy
# that the administrator has made stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get update -qq
# shellcheck disable=SC2086  the list is words on purpose
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=500 $missing >/dev/null
