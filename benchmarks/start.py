"""Start-up times: importing, `vlnb --help`, the embedded engine until its first answer.

make bench
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 7
COMMANDS = {
    "python -c pass": "pass",
    "import vlnb": "import vlnb",
    "vlnb --help": "import sys; sys.argv = ['vlnb', '--help']; from vlnb.cli import main; main()",
    "engine: start, first answer": (
        "import vlnb; e = vlnb.connect(announce=None); e.ask('Read all the text', vlnb.samples.receipt().picture)"
    ),
}


def main() -> None:
    """Print the table."""
    print("milliseconds, whole process   minimum   median")
    for name, script in COMMANDS.items():
        times = []
        for _ in range(ROUNDS if "engine" not in name else 3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name:28} {min(times):9.0f} {statistics.median(times):8.0f}")


if __name__ == "__main__":
    main()
