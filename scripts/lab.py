"""Open the workbook: start JupyterLab quietly, print its address, open the browser, stop on Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlencode

from jupyter_server.serverapp import list_running_servers

ROOT = Path(__file__).resolve().parent.parent
FIRST = "notebooks/00_start_here.ipynb"
START_S = 60


def main() -> int:
    """Run JupyterLab until it ends; return its exit status."""
    log = ROOT / "build" / "lab.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab-settings'}", *sys.argv[1:]]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # containers; it listens on this machine alone, behind its token
    keep_outputs_out_of_git()
    environment = {"VLNB_RUNS": str(ROOT / "runs"), **os.environ}
    with log.open("w") as out:
        lab = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    print("notebooks … ", end="", flush=True)
    try:
        url = wait(lab)
        if url is None:
            print(f"did not start. The last lines of {log}:\n" + "\n".join(log.read_text().splitlines()[-5:]))
            lab.terminate()
            return 1
        print(f"{url}\n(Ctrl-C stops it; a second `make lab` takes another port)")
        print(f"commands … {Path(sys.executable).with_name('vlnb')} --help", flush=True)
        if not os.environ.get("CI") and (
            sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            webbrowser.open(url)
        return lab.wait()
    except KeyboardInterrupt:
        lab.terminate()
        lab.wait()
        print("\nstopped.")
        return 0


def keep_outputs_out_of_git() -> None:
    """Set up git's filter, so that running a notebook changes nothing in the repository."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        clean = f'"{sys.executable}" scripts/strip_outputs.py'
        for name, command in (("clean", clean), ("smudge", "cat")):
            subprocess.run(["git", "config", f"filter.vlnb-notebook.{name}", command], cwd=ROOT, check=False)


def wait(lab: subprocess.Popen[bytes]) -> str | None:
    """Return the address of the first notebook once the server runs, or None where it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and lab.poll() is None:
        for server in list_running_servers():
            if server["pid"] == lab.pid:
                return f"{server['url']}lab/tree/{FIRST}?{urlencode({'token': server['token']})}"
        time.sleep(0.1)
    return None


if __name__ == "__main__":
    sys.exit(main())
