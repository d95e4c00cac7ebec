"""Serve the workbook's panels as pages without code: on this machine alone, unless VLNB_APP_HOST names another address.

An address that other machines reach needs VLNB_APP_TOKEN. Nothing is loaded from elsewhere. Ctrl-C stops it.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from vlnb import local
from vlnb.errors import VlnbError
from vlnb.extras import require

ROOT = Path(__file__).resolve().parent.parent
PORT = 8866


def main() -> int:
    """Serve until Ctrl-C; return the exit status."""
    host, token = os.environ.get("VLNB_APP_HOST", "127.0.0.1"), os.environ.get("VLNB_APP_TOKEN", "")
    if not local.is_loopback(host) and not token:
        print(f"Not started: {host} can be reached from other machines. Set VLNB_APP_TOKEN to a password of your own.")
        return 2
    try:
        require("app", "The app")
        with local.listen(host, int(os.environ.get("VLNB_APP_PORT", PORT))) as listener:
            port = listener.getsockname()[1]
    except (VlnbError, ValueError) as error:
        print(f"Not started: {error} Set VLNB_APP_PORT to a free port.")
        return 2
    os.environ.setdefault("VLNB_RUNS", str(ROOT / "runs"))
    os.environ["JUPYTER_PATH"] = str(ROOT / "app")  # where the template is

    from voila.app import Voila

    access_token = token or secrets.token_urlsafe(24)
    address = f"[{host}]" if ":" in host else host
    printed_token = "…, your VLNB_APP_TOKEN" if token else access_token
    print(
        f"app … http://{address}:{port}/voila/render/playground.ipynb?token={printed_token}\n(Ctrl-C stops it)",
        flush=True,
    )
    options = ["--no-browser", "--template=vlnb", f"--Voila.ip={host}", f"--port={port}", "--Voila.log_level=ERROR"]
    Voila.launch_instance([str(ROOT / "app"), *options, *sys.argv[1:]], token=access_token)
    return 0


if __name__ == "__main__":
    sys.exit(main())
