#!/bin/sh
# Make .venv and install a requirements file into it, with one line a step.
#   sh scripts/setup.sh requirements.txt
# Without make: sh scripts/setup.sh requirements.txt && .venv/bin/python scripts/lab.py
set -eu
cd "$(dirname "$0")/.."
requirements=${1:-requirements.txt}
log=build/setup.log
mkdir -p build

fail() {
    printf '\n%s\n' "$1" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Use the Python that was asked for, else the first that is new enough.
find_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if new_enough "$python"; then
            echo "$python"
            return
        fi
    done
}

started=$(date +%s)
if [ ! -x .venv/bin/python ] || ! new_enough .venv/bin/python; then
    python=$(find_python)
    rm -rf .venv
    if [ -n "$python" ]; then
        "$python" -m venv .venv >"$log" 2>&1 || {
            rm -rf .venv
            fail "$python cannot make a virtual environment (see $log).
On Debian and Ubuntu: apt-get install python3-venv. Then run the same command again."
        }
    elif command -v uv >/dev/null 2>&1; then
        uv venv --quiet --seed --python 3.12 .venv >"$log" 2>&1 || fail "uv could not get Python 3.12 (see $log)."
    else
        fail "vlnb needs Python 3.11 or later, and found $(python3 --version 2>&1 || echo none) here.
Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12),
or install uv (pip install --user uv), which fetches one by itself. Then run the same command again.
A Python elsewhere is used with PYTHON=/path/to/python3.12 in front of the command."
    fi
fi

printf 'environment … '
# uv installs ten times faster than pip; where it cannot be had or cannot reach the packages, pip installs the same list.
pip=.venv/bin/python
{
    "$pip" -m pip install --quiet --disable-pip-version-check uv &&
        "$pip" -m uv pip install --quiet --python .venv -r "$requirements" -e .
} >"$log" 2>&1 ||
    "$pip" -m pip install --quiet --disable-pip-version-check --no-deps -r "$requirements" -e . >>"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    fail "The packages of $requirements could not be installed; the whole story is in $log.
Check the network and the free disk space (1.5 GB), then run the same command again."
}
echo "ready ($(($(date +%s) - started)) s)"
