"""Which AMD GPUs this machine has: asked of amd-smi, else rocm-smi, else read from the kernel's files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlnb.launch.smi import MIB, Runner, at, json_of, mib, number, rows, run_tool

# gfx_target_version of the kernel: 90402 is gfx942 (the last two digits are hexadecimal).
_NAMES = {("gfx942", 192): "MI300X", ("gfx942", 256): "MI325X", ("gfx942", 128): "MI300A", ("gfx950", 288): "MI355X"}
_PERMISSION = re.compile(r"missing the following required groups|permission denied|not.{0,20}permitted", re.IGNORECASE)


@dataclass(frozen=True)
class FoundGpu:
    """One GPU: `index` as HIP counts them; memory in MiB, `used_mib` None where it could not be read."""

    index: int
    name: str
    arch: str
    memory_mib: int
    used_mib: int | None


@dataclass(frozen=True)
class Gpus:
    """What was found, by which source; `problem` says in a sentence what stands in the way, "" where nothing does."""

    gpus: tuple[FoundGpu, ...]
    source: str
    problem: str

    def __str__(self) -> str:
        if not self.gpus:
            return self.problem
        kinds = ", ".join(f"{gpu.index}: {gpu.name} ({gpu.memory_mib / 1024:.0f} GiB)" for gpu in self.gpus)
        return f"{len(self.gpus)} AMD GPU(s) by {self.source}: {kinds}." + (f" {self.problem}" if self.problem else "")


def gpus(*, run: Runner = run_tool, root: Path = Path("/")) -> Gpus:
    """Return the AMD GPUs of this machine. Never raises: what is missing or forbidden is told in `problem`.

    `run` and `root` are for tests: another way to run the tools, another root of the file system.
    """
    listed, static = run(["amd-smi", "list", "-e", "--json"]), run(["amd-smi", "static", "--asic", "--vram", "--json"])
    used = run(["amd-smi", "metric", "--mem-usage", "--json"]) if static else None
    said = " ".join(filter(None, (listed, static)))
    if found := _amd_smi(json_of(listed), json_of(static), json_of(used)):
        return Gpus(tuple(found), "amd-smi", _groups(said))
    rocm = run(["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"])
    if found := _rocm_smi(json_of(rocm)):
        return Gpus(tuple(found), "rocm-smi", _groups(said))
    if found := _sysfs(root):
        return Gpus(tuple(found), "the kernel (/sys)", _access(root) or _groups(said))
    return Gpus((), "", _groups(f"{said} {rocm or ''}") or _access(root) or _nothing(root))


def _amd_smi(listed: Any, static: Any, used: Any) -> list[FoundGpu]:  # noqa: ANN401
    static, used = rows(static), rows(used)
    hip = {row.get("gpu"): row["hip_id"] for row in rows(listed) if isinstance(row.get("hip_id"), int)}
    busy = {row.get("gpu"): mib(at(row, "mem_usage", "used_vram")) for row in used}
    found: list[FoundGpu] = []
    for row in static:
        memory = mib(at(row, "vram", "size"))
        if memory is None:
            continue
        arch = str(at(row, "asic", "target_graphics_version") or "")
        index = hip.get(row.get("gpu"), row.get("gpu"))
        name = _name(str(at(row, "asic", "market_name") or ""), arch, memory)
        found.append(
            FoundGpu(index if isinstance(index, int) else len(found), name, arch, memory, busy.get(row.get("gpu")))
        )
    return sorted(found, key=lambda gpu: gpu.index)


def _rocm_smi(data: Any) -> list[FoundGpu]:  # noqa: ANN401
    found = []
    cards = data if isinstance(data, dict) else {}
    for card, row in sorted(cards.items(), key=lambda item: [int(n) for n in re.findall(r"\d+", item[0])]):
        total = number(row.get("VRAM Total Memory (B)")) if isinstance(row, dict) else None
        if total is None:
            continue
        used, arch = number(row.get("VRAM Total Used Memory (B)")), str(row.get("GFX Version") or "")
        series = str(row.get("Card Series") or row.get("Card series") or row.get("series") or "")
        memory = round(total / MIB)
        index = int(re.findall(r"\d+", card)[0])
        found.append(
            FoundGpu(index, _name(series, arch, memory), arch, memory, None if used is None else round(used / MIB))
        )
    return found


def _sysfs(root: Path) -> list[FoundGpu]:
    """Read the topology that the kernel's compute driver shows; nodes without a graphics version are CPUs."""
    found: list[FoundGpu] = []
    nodes = root / "sys/class/kfd/kfd/topology/nodes"
    for node in sorted(nodes.glob("*"), key=lambda path: int(path.name) if path.name.isdigit() else -1):
        version = _properties(node / "properties").get("gfx_target_version", 0)
        if not version:
            continue
        banks = (_properties(bank) for bank in node.glob("mem_banks/*/properties"))
        memory = round(sum(bank.get("size_in_bytes", 0) for bank in banks) / MIB)
        arch = f"gfx{version // 10_000}{version // 100 % 100}{version % 100:x}"
        found.append(FoundGpu(len(found), _name("", arch, memory), arch, memory, None))
    return found


def _properties(path: Path) -> dict[str, int]:
    try:
        pairs = (line.split() for line in path.read_text().splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    except OSError:
        return {}


def _name(market: str, arch: str, memory_mib: int) -> str:
    """Return the short name (MI300X) from what a tool calls the GPU, else from its kind and memory."""
    if match := re.search(r"MI\d{3}[A-Z]", market):
        return match[0]
    return _NAMES.get((arch, min((128, 192, 256, 288), key=lambda gib: abs(gib - memory_mib / 1024))), market or arch)


def _groups(said: str) -> str:
    if _PERMISSION.search(said):
        return (
            "This user may not use the GPUs: add them to the groups (sudo usermod -aG render,video $USER),"
            " log in again; in a container pass --group-add with the host's group ids."
        )
    return ""


def _access(root: Path) -> str:
    kfd = root / "dev/kfd"
    if kfd.exists() and not os.access(kfd, os.R_OK | os.W_OK):
        return (
            "This user may not open /dev/kfd: add them to the groups render and video"
            " (sudo usermod -aG render,video $USER) and log in again."
        )
    return ""


def _nothing(root: Path) -> str:
    if (root / "sys/module/amdgpu").exists():
        return "The amdgpu driver is loaded, and no Instinct GPU was found: is it passed on to this machine?"
    return "No AMD GPU was found on this machine (no amd-smi, no rocm-smi, nothing in /sys/class/kfd)."
