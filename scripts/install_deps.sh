#!/usr/bin/env bash
# usage: install_deps.sh GROUP… (build, test, optional, browser, format, fuzz; see packages.txt)
# Installs what is missing with apt; does nothing and needs no network when all is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

id="unknown" version=""
[ -r /etc/os-release ] && . /etc/os-release && id=${ID:-unknown} version=${VERSION_ID:-}

# A Node.js from elsewhere brings npm without a package of that name.
installed() {
  case $1 in
    nodejs) command -v node >/dev/null && return 0 ;;
    npm) command -v npm >/dev/null && return 0 ;;
  esac
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

candidates() {  # group
  sed -n "s/^$1 //p" "$here/packages.txt" | tr ' ' '\n' | grep . || true
}

wanted() {  # group: what of it is not installed
  local entry name found
  for entry in $(candidates "$1"); do
    found=
    for name in ${entry//|/ }; do
      if installed "$name"; then found=1; fi
    done
    [ -n "$found" ] || echo "$entry"
  done
}

if ! command -v dpkg-query >/dev/null; then
  echo "install_deps.sh: this is $id $version; packages can be installed here only on Debian and Ubuntu." >&2
  echo "Install the libraries of scripts/packages.txt by hand, then: cmake --preset release && cmake --build --preset release" >&2
  exit 1
fi

missing=
for group in "$@"; do
  missing+=" $(wanted "$group")"
done
missing=$(echo $missing)
[ -n "$missing" ] || exit 0

case $id-$version in
  debian-12 | ubuntu-24.04) ;;
  *) echo "install_deps.sh: made for Debian 12 and Ubuntu 24.04; this is $id $version, where names may differ." >&2 ;;
esac
sudo=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install_deps.sh: these packages are missing and there is no sudo; install them as root: $missing" >&2
    exit 1
  fi
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q </dev/null

names= absent=
for entry in $missing; do
  chosen=
  for name in ${entry//|/ }; do
    if [ -z "$chosen" ] && apt-cache show "$name" >/dev/null 2>&1; then chosen=$name; fi
  done
  if [ -n "$chosen" ]; then
    names+=" $chosen"
  elif { candidates optional; candidates browser; } | grep -qx "$entry"; then
    echo "install_deps.sh: $entry is not offered here; going on without it" >&2
  else
    absent+=" $entry"
  fi
done
if [ -n "$absent" ]; then
  echo "install_deps.sh: $id $version does not offer:$absent" >&2
  exit 1
fi
if [ -n "$names" ]; then
  echo "Installing$names"
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $names </dev/null
fi
