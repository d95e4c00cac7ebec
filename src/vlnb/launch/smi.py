"""Run amd-smi and rocm-smi, and parse their JSON.

The tools print bare or wrapped JSON, warnings around it, "N/A" anywhere, and units as words.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

_TOOL_S = 20.0
_BRACKET = re.compile(r"[\[{]")
_CARD = re.compile(r"(?:card|gpu)?\d{1,9}")
_MIB_OF = {"B": 2.0**-20, "KB": 2.0**-10, "MB": 1.0, "GB": 1024.0}  # the tools print MB and mean MiB

Runner = Callable[[Sequence[str]], str | None]
"""Runs a command; returns everything it printed, or None if it is not installed or does not end."""


def run_tool(command: Sequence[str]) -> str | None:
    """Return everything a command prints, even if it fails; None if it is not installed or does not end."""
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, errors="replace", timeout=_TOOL_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout + done.stderr


def rows(text: str | None) -> dict[Any, dict[str, Any]]:
    """Return the rows of a tool's output, by GPU or card: a list, an object of rows, or either under `gpu_data`.

    Of several tables, the longest that names GPUs or cards.

    >>> rows('ERROR: GPU[0]: not supported. {"card0": {"Card Series": "AMD Instinct MI300X"}}')
    {'card0': {'Card Series': 'AMD Instinct MI300X'}}
    """
    text, at, tables = text or "", 0, [dict[Any, dict[str, Any]]()]
    while bracket := _BRACKET.search(text, at):
        try:
            data, at = json.JSONDecoder().raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            at = bracket.end()
            continue
        data = data.get("gpu_data", data) if isinstance(data, dict) else data
        if isinstance(data, list):
            data = {row["gpu"]: row for row in data if isinstance(row, dict) and isinstance(row.get("gpu"), int)}
        table = {key: row for key, row in data.items() if isinstance(row, dict)} if isinstance(data, dict) else {}
        tables.append(table)
    # The brackets of a warning, such as GPU[0], hold no cards, or say less about them.
    return max(tables, key=lambda table: (any(_CARD.fullmatch(str(key)) for key in table), len(str(table))))


def mib(row: Any, *keys: str) -> int | None:  # noqa: ANN401 - any JSON value
    """Return the MiB under the nested keys: {value, unit}, a bare number, or "196592 MB"."""
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    if isinstance(row, dict):
        row = f"{row.get('value')} {row.get('unit') or ''}"
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(row).strip())
    unit = _MIB_OF.get((match[2].upper() or "MB").replace("IB", "B")) if match else None
    return None if match is None or unit is None else round(float(match[1]) * unit)
