#!/bin/sh
# Makes the virtual environment: venv.sh PYTHON FOLDER. Debian's Python may lack ensurepip (the
# package python3-venv): then pip comes from the system, or, as root, the package is installed.
set -eu
python=$1
venv=$2

fail() {
    echo "foreshock: $1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is not installed; Python 3.11 or later is needed"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; Python 3.11 or later is needed (make PYTHON=python3.x)"

if ! [ -x "$venv/bin/pip" ]; then
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv "$venv"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip "$venv"
        "$python" -m pip --python "$venv/bin/python" install -q pip
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
        "$python" -m venv "$venv"
    else
        fail "Python's venv module is incomplete: apt-get install python3-venv"
    fi
fi

echo "installing what requirements.lock pins into $venv ..."
"$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r requirements.lock
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
