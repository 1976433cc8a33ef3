#!/usr/bin/env bash
# Installs the libraries of the services into a folder: install.sh FOLDER. What of the rest is
# missing for the sample is told.
#
# What is there already is left alone: a second run needs no network.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${1:?a folder}"

missing=0
# need PROGRAM HOW: tells how to get a program that is not there.
need() {
    if command -v "$1" >/dev/null 2>&1; then return; fi
    echo "$1 is missing: $2" >&2
    missing=1
}
need cargo "Rust, from https://rustup.rs"
need curl "apt-get install curl"
need node "Node.js 18 or later, from https://nodejs.org or: apt-get install nodejs"
need npm "it comes with Node.js; on Debian: apt-get install npm"
need python3 "Python 3.10 or later, from https://python.org or: apt-get install python3"
if command -v python3 >/dev/null 2>&1 && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "Python cannot make environments: apt-get install python3-venv" >&2
    missing=1
fi
if ((missing)); then exit 1; fi

mkdir -p "$folder"
if ! cmp -s "$here/requirements.txt" "$folder/.venv/installed.txt"; then
    python3 -m venv --clear "$folder/.venv"
    "$folder/.venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$folder/.venv/installed.txt"
fi
if ! cmp -s "$here/package-lock.json" "$folder/node_modules/installed.json"; then
    cp "$here"/package*.json "$folder"
    (cd "$folder" && npm ci --no-audit --no-fund --loglevel error)
    cp "$here/package-lock.json" "$folder/node_modules/installed.json"
fi
