"""A separate engine process gets bad requests of every kind; `benchmarks/engine_fuzz.py` sends many more."""

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[2] / "benchmarks" / "engine_fuzz.py"


def test_the_engine_survives_thirty_bad_requests():
    """The engine returns no status 500, uses less than 1 GB with its children, and answers the next request."""
    completed = subprocess.run([sys.executable, FUZZ, "30"], capture_output=True, text=True, timeout=240, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "30 requests by" in completed.stdout
