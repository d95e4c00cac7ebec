"""Detect the AMD GPUs of this machine with amd-smi, rocm-smi, or the kernel's files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vlnb.catalog import GPUS
from vlnb.launch.smi import Runner, mib, rows, run_tool

_NAMES = {(gpu.arch, round(gpu.memory_mib / 1024)): gpu.name for gpu in GPUS.values()} | {("gfx942", 128): "MI300A"}
_PERMISSION = re.compile(r"missing the following required groups|permission denied|not.{0,20}permitted", re.IGNORECASE)

_ADD_GROUPS = (
    "add them to the groups render and video (sudo usermod -aG render,video $USER) and log in again;"
    " in a container, pass --group-add with the host's group ids."
)


@dataclass(frozen=True)
class FoundGpu:
    """One GPU: `index` is HIP's, the memory is in MiB."""

    index: int
    name: str
    arch: str
    memory_mib: int


@dataclass(frozen=True)
class Gpus:
    """The GPUs found and their source; `problem` is a sentence on what prevents their use, or ""."""

    gpus: tuple[FoundGpu, ...]
    source: str
    problem: str

    def __str__(self) -> str:
        if not self.gpus:
            return self.problem
        kinds = ", ".join(f"{gpu.index}: {gpu.name} ({gpu.memory_mib / 1024:.0f} GiB)" for gpu in self.gpus)
        count = f"{len(self.gpus)} AMD GPU{'s' * (len(self.gpus) > 1)}"
        return f"{count} by {self.source}: {kinds}. {self.problem}".rstrip()


def gpus(*, run: Runner = run_tool, root: Path = Path("/")) -> Gpus:
    """Return the AMD GPUs of this machine. Never raises: `problem` says what is missing or forbidden.

    `run` and `root` are for tests: they replace how tools are run, and the root of the file system.
    """
    listed, static = run(["amd-smi", "list", "-e", "--json"]), run(["amd-smi", "static", "--asic", "--vram", "--json"])
    output = f"{listed or ''} {static or ''}"
    if found := _amd_smi(listed, static):
        return Gpus(found, "amd-smi", _groups(output))
    rocm = run(["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"])
    if found := _rocm_smi(rocm):
        return Gpus(found, "rocm-smi", _groups(output))
    if found := _sysfs(root):
        return Gpus(found, "the kernel (/sys)", _access(root) or _groups(output))
    return Gpus((), "", _groups(f"{output} {rocm or ''}") or _access(root) or _nothing(root))


def _amd_smi(listed: str | None, static: str | None) -> tuple[FoundGpu, ...]:
    hip, found = rows(listed), list[FoundGpu]()
    for gpu, row in rows(static).items():
        if isinstance(gpu, int) and (memory := mib(row, "vram", "size")) is not None:
            asic = row["asic"] if isinstance(row.get("asic"), dict) else {}
            arch = str(asic.get("target_graphics_version") or "")
            index = hip.get(gpu, {}).get("hip_id")
            name = _name(str(asic.get("market_name") or ""), arch, memory)
            found.append(FoundGpu(index if isinstance(index, int) else gpu, name, arch, memory))
    return tuple(sorted(found, key=lambda gpu: gpu.index))


def _rocm_smi(text: str | None) -> tuple[FoundGpu, ...]:
    found = []
    for card, row in rows(text).items():
        total = mib({"value": row.get("VRAM Total Memory (B)"), "unit": "B"})
        if total is not None and (digits := re.search(r"\d+", str(card))):
            arch = str(row.get("GFX Version") or "")
            series = str(row.get("Card Series") or row.get("Card series") or row.get("series") or "")
            found.append(FoundGpu(int(digits[0]), _name(series, arch, total), arch, total))
    return tuple(sorted(found, key=lambda gpu: gpu.index))


def _sysfs(root: Path) -> tuple[FoundGpu, ...]:
    """Read the topology of the kernel's compute driver; nodes without a graphics version are CPUs."""
    found: list[FoundGpu] = []
    nodes = root / "sys/class/kfd/kfd/topology/nodes"
    for node in sorted(nodes.glob("*"), key=lambda path: int(path.name) if path.name.isdigit() else -1):
        version = _properties(node / "properties").get("gfx_target_version", 0)
        if not version:
            continue
        banks = (_properties(bank) for bank in node.glob("mem_banks/*/properties"))
        memory = round(sum(bank.get("size_in_bytes", 0) for bank in banks) / 2**20)
        # gfx_target_version 90402 is gfx942: the last two digits are hexadecimal.
        arch = f"gfx{version // 10_000}{version // 100 % 100}{version % 100:x}"
        found.append(FoundGpu(len(found), _name("", arch, memory), arch, memory))
    return tuple(found)


def _properties(path: Path) -> dict[str, int]:
    try:
        pairs = (line.split() for line in path.read_text().splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    except OSError:
        return {}


def _name(market: str, arch: str, memory_mib: int) -> str:
    """Return the short name (MI300X) from the name that a tool reports, or from architecture and memory."""
    if match := re.search(r"MI\d{3}[A-Z]", market):
        return match[0]
    market = "" if market == "N/A" else market
    gib = min((gib for _, gib in _NAMES), key=lambda gib: abs(gib - memory_mib / 1024))
    return _NAMES.get((arch, gib), market or arch)


def _groups(output: str) -> str:
    return f"This user may not use the GPUs: {_ADD_GROUPS}" if _PERMISSION.search(output) else ""


def _access(root: Path) -> str:
    kfd = root / "dev/kfd"
    forbidden = kfd.exists() and not os.access(kfd, os.R_OK | os.W_OK)
    return f"This user may not open /dev/kfd: {_ADD_GROUPS}" if forbidden else ""


def _nothing(root: Path) -> str:
    if (root / "sys/module/amdgpu").exists():
        return "The amdgpu driver is loaded, but no Instinct GPU was found. Is it passed through to this machine?"
    return "No AMD GPU was found on this machine (no amd-smi, no rocm-smi, nothing in /sys/class/kfd)."
