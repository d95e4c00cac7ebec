"""How busy AMD GPUs are at this moment, by amd-smi."""

from __future__ import annotations

from dataclasses import dataclass

from vlnb.launch.smi import Runner, at, json_of, mib, number, rows, run_tool

_COMMAND = ("amd-smi", "metric", "--usage", "--power", "--mem-usage", "--temperature", "--json")


@dataclass(frozen=True)
class Load:
    """One GPU now, as amd-smi numbers it; None for what it did not tell. Memory in MiB, power in W, heat in °C."""

    gpu: int
    busy_percent: float | None
    power_w: float | None
    used_mib: int | None
    total_mib: int | None
    hotspot_c: float | None

    def __str__(self) -> str:
        memory = self.used_mib is not None and self.total_mib is not None
        told = [
            f"{self.busy_percent:.0f} % busy" if self.busy_percent is not None else "",
            f"{self.power_w:.0f} W" if self.power_w is not None else "",
            f"{(self.used_mib or 0) / 1024:.0f} of {(self.total_mib or 0) / 1024:.0f} GiB" if memory else "",
            f"{self.hotspot_c:.0f} °C" if self.hotspot_c is not None else "",
        ]
        return f"GPU {self.gpu}: {', '.join(filter(None, told)) or 'nothing told'}"


def loads(*, run: Runner = run_tool) -> tuple[Load, ...]:
    """Return the load of each GPU; empty where there is none, or no amd-smi. Never raises. `run` is for tests."""
    found = []
    for row in rows(json_of(run(_COMMAND))):
        if not isinstance(row.get("gpu"), int):
            continue
        found.append(
            Load(
                gpu=row["gpu"],
                busy_percent=number(at(row, "usage", "gfx_activity", "value")),
                power_w=number(at(row, "power", "socket_power", "value")),
                used_mib=mib(at(row, "mem_usage", "used_vram")),
                total_mib=mib(at(row, "mem_usage", "total_vram")),
                hotspot_c=number(at(row, "temperature", "hotspot", "value")),
            )
        )
    return tuple(found)
