#!/bin/sh
# Installs programs that the tests and the stack start, from Debian's packages: programs.sh
# PROGRAM=PACKAGE ... As root, what is missing is installed and its service is not started. Where
# that cannot be, whoever needs it says that it is not there.
set -eu

missing=
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "foreshock: not installed, and not everything runs without: apt-get install$missing" >&2
    exit 0
fi

# Debian asks this file before it starts the service of a package; 101 forbids it.
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

echo "installing$missing ..."
export DEBIAN_FRONTEND=noninteractive
# $missing is a list.
# shellcheck disable=SC2086
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 $missing >/dev/null; }; then
    echo "foreshock: could not install$missing; not everything runs without" >&2
fi
