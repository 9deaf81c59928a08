#!/bin/sh
# Sees to it that there is a Chromium to look at pages with; as root it installs Debian's package.
set -eu

command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian's chromium ..."
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
        --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
    echo "foreshock: chromium is not installed: apt-get install chromium" >&2
    exit 1
fi
