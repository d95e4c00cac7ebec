"""The command `vlnb`, and `python -m vlnb`."""

import signal
import sys


def main() -> int:
    """Run the command line and return the exit status. Ctrl-C is one sentence during the imports, too."""
    try:
        from vlnb.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("vlnb: stopped.\n")
        return 1
    status = run()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to stop while the embedded engine ends
    return status


if __name__ == "__main__":
    sys.exit(main())
