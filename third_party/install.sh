#!/bin/bash
# Installs what packages.txt lists for the groups named as arguments (build test lint bench; none:
# build) and is not there yet, from Debian's packages, by name. Says and does nothing when complete.
set -eu
here=$(dirname "$(readlink -f "$0")")
[ $# -gt 0 ] || set -- build

wanted=()
for group in "$@"; do
    found=$(sed -n "s/^$group //p" "$here/packages.txt")
    [ -n "$found" ] || { echo "install.sh: no group '$group' in packages.txt" >&2; exit 2; }
    mapfile -t -O ${#wanted[@]} wanted <<< "$found"
done

# A node that is new enough will do, wherever it came from.
node_is_new_enough() {
    command -v npm > /dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2> /dev/null
}

if ! command -v dpkg-query > /dev/null; then
    # Not Debian: the names differ, so only say what is needed.
    if command -v pkg-config > /dev/null &&
       pkg-config --exists libwebsockets libcjson liburcu-memb liburcu-cds inih zlib sqlite3 libpq \
           libjwt libsodium libcrypto icu-i18n; then
        exit 0
    fi
    echo "install.sh: this is not a Debian system; install by hand what the groups '$*' need:" >&2
    echo "third_party/README.md has the names for Fedora, Arch and Alpine" >&2
    exit 1
fi

missing=()
for package in "${wanted[@]}"; do
    case $package in nodejs | npm) node_is_new_enough && continue ;; esac
    status=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null) || true
    [ "$status" = 'install ok installed' ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || { echo "install.sh: as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" > "$log" 2>&1 < /dev/null ||
        { cat "$log" >&2; echo "install.sh: apt-get $1 failed" >&2; exit 1; }
}
apt update
apt install -y --no-install-recommends "${missing[@]}"
