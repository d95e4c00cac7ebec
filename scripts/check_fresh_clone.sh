#!/usr/bin/env bash
# In a fresh clone: `make lab` as the first command serves the workbook, and a second call installs nothing.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
clone=$(mktemp -d)
lab=
trap '[ -n "$lab" ] && kill "$lab" 2>/dev/null && wait "$lab" 2>/dev/null; rm -rf "$clone"' EXIT
git clone -q "$root" "$clone/vlnb"
cd "$clone/vlnb"

serve() {
    CI=1 make --no-print-directory lab >lab.out 2>&1 &
    lab=$!
    for _ in $(seq 600); do
        grep -q 'http://' lab.out && break
        kill -0 "$lab" 2>/dev/null || { cat lab.out; exit 1; }
        sleep 0.2
    done
    sed 's/token=.*/token=…/' lab.out
    url=$(grep -o 'http://[^ ]*' lab.out | head -n 1)
    curl --silent --show-error --fail --output page.html "$url"
    grep -q jupyter-config-data page.html || { echo "make lab serves something that is no JupyterLab"; exit 1; }
    pkill -TERM -P "$lab" || true
    wait "$lab" 2>/dev/null || true
    lab=
}

serve
serve
if grep -q environment lab.out; then
    echo "the second make lab set the environment up again"
    exit 1
fi
echo "fresh clone: make lab serves, and the second call installs nothing"
