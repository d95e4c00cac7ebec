"""Check the installation when something does not work: which server would answer, and what is missing here."""

from __future__ import annotations

import platform
import socket
import sys
from dataclasses import dataclass
from typing import Literal

import psutil

from vlnb import extras, local
from vlnb._version import __version__
from vlnb.endpoint import Endpoint, record
from vlnb.endpoint.resolve import models, resolve, served
from vlnb.errors import ServerRefused, VlnbError

_PORTS = {30000: "SGLang", 8000: "vLLM", 8080: "llama.cpp", 11434: "Ollama"}
_EXTRAS = {
    "": "vlnb itself",
    "engine": "the embedded engine",
    "notebooks": "the notebooks",
    "bench": "benchmarks and accuracy",
    "mmmu": "MMMU's own questions",
    "video": "videos",
    "agent": "the agent",
    "batch": "batches of pictures",
    "router": "the router",
    "app": "the app",
}
_NEEDED = ("", "engine", "notebooks", "bench")  # for most of the notebooks


@dataclass(frozen=True)
class Finding:
    """The result of one check: "ok", "optional" (missing, but not needed) or "problem" (with its remedy)."""

    name: str
    state: Literal["ok", "optional", "problem"]
    found: str

    @property
    def ok(self) -> bool:
        """Whether there is nothing to fix."""
        return self.state != "problem"

    def __str__(self) -> str:
        return f"{self.state.upper() if self.state == 'problem' else self.state:<9} {self.name}: {self.found}"


def examine() -> list[Finding]:
    """Check the server that would answer, this machine, and the packages. Starts and changes nothing."""
    return [_server(), _gpus(), _memory(), _disk(), _ports(), _python(), *_packages()]


def _gpus() -> Finding:
    from vlnb.launch import gpus

    found = gpus()
    if not found.gpus:
        return Finding("gpus", "optional", f"{found} The embedded engine, or a server elsewhere, answers.")
    return Finding("gpus", "problem" if found.problem else "ok", str(found))


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    enough = memory.available > 2 * 2**30
    found = f"{memory.available / 2**30:.0f} of {memory.total / 2**30:.0f} GiB available"
    return Finding("memory", "ok" if enough else "problem", found + ("" if enough else ": close other programs."))


def _disk() -> Finding:
    folder, free = local.models()
    return Finding("disk", "ok", f"{free / 2**30:.0f} GiB free for models ({folder}); 7B takes 16, 72B takes 137")


def _ports() -> Finding:
    """Report what answers on the usual ports of model servers."""
    found = []
    for port, usual in _PORTS.items():
        url = f"http://127.0.0.1:{port}/v1"
        with socket.socket() as probe:
            probe.settimeout(1)
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            found.append(f"{port} free ({usual})")
            continue
        try:
            names = ", ".join(models(Endpoint(url, "", origin="port")))
            found.append(f"{port}: {names} answers; to use it, set VLNB_BASE_URL={url}")
        except ServerRefused as error:
            found.append(f"{port}: a server answers, but refuses ({error.status}); it may need VLNB_API_KEY")
        except VlnbError:
            found.append(f"{port}: taken by something that is not a model server")
    return Finding("ports", "ok", "; ".join(found))


def _server() -> Finding:
    try:
        named = resolve()
        if named is None:
            launched = "a launched server does not answer yet" if record.launched() else "no server was launched"
            return Finding("server", "ok", f"the embedded engine would answer (VLNB_BASE_URL is not set, {launched})")
        names = served(named)
    except VlnbError as error:
        return Finding("server", "problem", str(error))
    return Finding("server", "ok", f"{named.base_url} (from {named.origin}) answers, with {', '.join(names)}")


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}"
    return Finding("vlnb", "ok", f"{__version__}, Python {found}")


def _packages() -> list[Finding]:
    """List the installed packages, and what each extra lacks."""
    names = {extra: extras.packages(extra) for extra in _EXTRAS}
    versions = {name: extras.version(name) for listed in names.values() for name in listed}
    installed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    lacking = [
        Finding(
            f"vlnb[{extra}]",
            "problem" if extra in _NEEDED else "optional",
            f"{', '.join(absent)} missing, needed for {_EXTRAS[extra]}:"
            f" run `make lab`, or pip install 'vlnb[{extra}]'.",
        )
        for extra, listed in names.items()
        if (absent := [name for name in listed if not versions[name]])
    ]
    needed = all(finding.ok for finding in lacking)
    return [Finding("packages", "ok" if needed else "problem", installed), *lacking]
