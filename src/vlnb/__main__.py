"""The command `vlnb`, and `python -m vlnb`."""

import _thread
import signal
import sys
import threading
import time

_MAIN_THREAD = threading.get_ident()


def _interrupt_soon() -> None:
    time.sleep(0.05)
    signal.pthread_kill(_MAIN_THREAD, signal.SIGINT)


def _repeat_lost_interrupt(lost: "sys.UnraisableHookArgs") -> None:
    """Repeat a Ctrl-C that arrived in a destructor, where Python prints its traceback and goes on."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        _thread.start_new_thread(_interrupt_soon, ())  # threading.Thread takes locks that the main thread may hold
    else:
        sys.__unraisablehook__(lost)


def main() -> int:
    """Run the command line and return the exit status. Ctrl-C is one sentence, during the imports, too."""
    sys.unraisablehook = _repeat_lost_interrupt
    try:
        from vlnb.cli import main as run

        status = run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("vlnb: stopped.\n")
        status = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to stop while the embedded engine ends
    return status


if __name__ == "__main__":
    sys.exit(main())
