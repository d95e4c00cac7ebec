"""What a person wants to know when something does not work: which server would answer, and what is missing here."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict, dataclass
from typing import Any

from vlnb import extras
from vlnb._version import __version__
from vlnb.endpoint import Endpoint
from vlnb.endpoint.resolve import models, resolve
from vlnb.errors import VlnbError

_PYTHON = (3, 11)
_PORTS = {30000: "SGLang", 8000: "vLLM", 8080: "llama.cpp", 11434: "Ollama"}
_EXTRAS = {
    "": "vlnb itself",
    "engine": "the embedded engine",
    "notebooks": "the notebooks",
    "bench": "benchmarks and accuracy",
    "launch": "Compose files and Kubernetes manifests",
    "mmmu": "MMMU's own questions",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what it is, whether it is as it should be, and what was found."""

    name: str
    ok: bool
    found: str

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{'ok     ' if self.ok else 'PROBLEM'}  {self.name}: {self.found}"


def examine() -> list[Finding]:
    """Look at the server that would answer, this Python, and the packages. Starts nothing and changes nothing."""
    return [_server(), _gpus(), _python(), *_packages(), *_neighbours()]


def _gpus() -> Finding:
    from vlnb.launch import gpus

    found = gpus()
    # A machine without a GPU is sound: the embedded engine, or a server elsewhere, answers.
    return Finding("gpus", not (found.gpus and found.problem), str(found))


def _neighbours() -> list[Finding]:
    """Name what answers on the ports that servers of models usually take."""
    found = []
    for port, usual in _PORTS.items():
        url = f"http://127.0.0.1:{port}/v1"
        try:
            names = models(Endpoint(url, "", origin="port"))
        except VlnbError:
            continue
        found.append(
            Finding(f"port {port}", True, f"{', '.join(names)} answers (usually {usual}): VLNB_BASE_URL={url}")
        )
    return found


def _server() -> Finding:
    try:
        named = resolve()
        if named is None:
            return Finding(
                "server", True, "the embedded engine would answer (VLNB_BASE_URL is not set, no server was launched)"
            )
        names = models(named)
    except VlnbError as error:
        return Finding("server", False, str(error))
    return Finding("server", True, f"{named.base_url} (from {named.origin}) answers, with {', '.join(names)}")


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}"
    return Finding("vlnb", sys.version_info >= _PYTHON, f"{__version__}, Python {found}")


def _packages() -> list[Finding]:
    """List the installed packages, and what each extra lacks."""
    names = {extra: extras.packages(extra) for extra in _EXTRAS}
    found = {name: extras.version(name) for every in names.values() for name in every}
    here = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    lacking = [
        Finding(f"vlnb[{extra}]", False, f"{', '.join(gone)} missing, needed for {_EXTRAS[extra]}: run `make lab`, or"
                f" pip install 'vlnb[{extra}]'.")
        for extra, every in names.items()
        if (gone := [name for name in every if not found[name]])
    ]  # fmt: skip
    return [Finding("packages", not lacking, here), *lacking]
