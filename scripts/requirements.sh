#!/bin/sh
# Compile the locked requirements from the ranges in pyproject.toml: for every platform, without addresses.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml --extra all -o requirements.txt
compile pyproject.toml --extra all --extra dev --constraint requirements.txt -o requirements-dev.txt
# What the overrides in pyproject.toml leave out is left out on every platform.
sed -i.bak "/sys_platform == 'none'/d" requirements-dev.txt && rm requirements-dev.txt.bak
