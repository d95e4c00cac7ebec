"""Which AMD GPUs this machine has, according to the files of the kernel's compute driver."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from vlnb.catalog import GPUS

_NEAR_MIB = 8192


@dataclass(frozen=True)
class FoundGpu:
    """One GPU: its name (its architecture if the catalog has no such one), and its memory in MiB."""

    name: str
    memory_mib: int


@dataclass(frozen=True)
class Gpus:
    """The GPUs found, in HIP's order; `problem` says in a sentence what prevents their use, "" if nothing does."""

    gpus: tuple[FoundGpu, ...]
    problem: str

    def __str__(self) -> str:
        if not self.gpus:
            return self.problem
        kinds = ", ".join(f"{i}: {gpu.name} ({gpu.memory_mib / 1024:.0f} GiB)" for i, gpu in enumerate(self.gpus))
        return f"{len(self.gpus)} AMD GPU(s): {kinds}." + (f" {self.problem}" if self.problem else "")


def gpus(*, root: Path = Path("/")) -> Gpus:
    """Return the AMD GPUs of this machine. Never raises: whatever is missing or forbidden is the `problem`.

    `root` is for tests: another root of the file system.
    """
    found = []
    nodes = root / "sys/class/kfd/kfd/topology/nodes"
    for node in sorted(nodes.glob("*"), key=lambda path: int(path.name) if path.name.isdigit() else -1):
        version = _properties(node / "properties").get("gfx_target_version", 0)
        if not version:  # it is a CPU
            continue
        banks = (_properties(bank) for bank in node.glob("mem_banks/*/properties"))
        memory_mib = round(sum(bank.get("size_in_bytes", 0) for bank in banks) / 2**20)
        # gfx_target_version 90402 is gfx942: the last two digits are hexadecimal.
        arch = f"gfx{version // 10_000}{version // 100 % 100}{version % 100:x}"
        alike = (gpu for gpu in GPUS.values() if gpu.arch == arch and abs(gpu.memory_mib - memory_mib) < _NEAR_MIB)
        found.append(FoundGpu(next((gpu.name for gpu in alike), arch), memory_mib))
    return Gpus(tuple(found), _forbidden(root) or ("" if found else _nothing(root)))


def _properties(path: Path) -> dict[str, int]:
    try:
        pairs = (line.split() for line in path.read_text().splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    except OSError:
        return {}


def _forbidden(root: Path) -> str:
    kfd = root / "dev/kfd"
    if not kfd.exists() or os.access(kfd, os.R_OK | os.W_OK):
        return ""
    return (
        "This user may not open /dev/kfd: add them to the groups render and video (sudo usermod -aG render,video $USER)"
        " and log in again; in a container, pass --group-add with the host's group ids."
    )


def _nothing(root: Path) -> str:
    if (root / "sys/module/amdgpu").exists():
        return "The amdgpu driver is loaded, but no Instinct GPU was found. Is it passed through to this machine?"
    return "No AMD GPU was found on this machine (nothing in /sys/class/kfd)."
