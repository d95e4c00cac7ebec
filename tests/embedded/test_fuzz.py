"""The engine as a process of its own under a little of everything bad; `benchmarks/engine_fuzz.py` sends much more."""

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[2] / "benchmarks" / "engine_fuzz.py"


def test_thirty_bad_requests_leave_the_engine_as_it_was():
    """No status of 500, less than 1 GB with its children, and the next request is answered."""
    ran = subprocess.run([sys.executable, FUZZ, "30"], capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "30 requests by" in ran.stdout
