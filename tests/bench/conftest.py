import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

import vlnb

ROOT = Path(__file__).parent.parent.parent


@contextlib.contextmanager
def serving(*options):
    """Run the server of tests/bench/truth.py in its own process; yield its endpoint."""
    command = [sys.executable, "-m", "tests.bench.truth", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            scheme = "https" if "--certificate" in options else "http"
            yield vlnb.Endpoint(f"{scheme}://127.0.0.1:{process.stdout.readline().strip()}/v1", "truth")
        finally:
            process.kill()


@pytest.fixture(scope="session")
def truth():
    with serving() as endpoint:
        yield endpoint
