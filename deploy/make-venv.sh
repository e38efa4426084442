#!/bin/sh
# make-venv.sh PYTHON FOLDER: a virtual environment, also where Debian keeps the venv module apart.
set -eu
python=$1 folder=$2
[ -x "$folder/bin/python" ] && exit 0
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; name it with 'make PYTHON=/path/to/python3.11 ...'." >&2
    exit 1
}
if ! "$python" -m venv "$folder" >/dev/null 2>&1; then
    rm -rf "$folder"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing python3-venv ..."
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=500 python3-venv >/dev/null
        "$python" -m venv "$folder"
    else
        echo "Python's venv module is missing; install it (Debian: apt-get install python3-venv) and try again." >&2
        exit 1
    fi
fi
