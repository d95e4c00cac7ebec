"""What amd-smi and rocm-smi print, and how to read it: bare or wrapped JSON, "N/A" anywhere, units in words."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

MIB = 2**20
_SMI_S = 20.0

Runner = Callable[[Sequence[str]], str | None]
"""Runs a command; returns all that it printed, or None where it is not installed or does not end."""


def run_tool(command: Sequence[str]) -> str | None:
    """Return all that a command prints, also where it fails; None where it is not installed or does not end."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SMI_S, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout + done.stderr


def json_of(text: str | None) -> Any:  # noqa: ANN401
    """Return the JSON in what a tool printed; a warning may stand before it, or after."""
    for start in (match.start() for match in re.finditer(r"[\[{]", text or "")):
        try:
            return json.JSONDecoder().raw_decode((text or "")[start:])[0]
        except ValueError:
            continue
    return None


def rows(data: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the rows of amd-smi's answer: a bare array, or from version 26 on under gpu_data."""
    if isinstance(data, dict):
        data = data.get("gpu_data", [])
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def at(row: Any, *keys: str) -> Any:  # noqa: ANN401
    """Return what lies under the keys, None where it is missing or "N/A"."""
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return None if row == "N/A" else row


def mib(size: Any) -> int | None:  # noqa: ANN401
    """Return MiB of {value, unit}, a bare number, or "196592 MB"; the tools write MB and mean MiB."""
    unit = "MB"
    if isinstance(size, dict):
        size, unit = size.get("value"), str(size.get("unit") or "MB")
    elif isinstance(size, str) and (match := re.fullmatch(r"([\d.]+)\s*([A-Za-z]*)", size.strip())):
        size, unit = match[1], match[2] or "MB"
    found = number(size)
    factor = {"B": 1 / MIB, "KB": 1 / 1024, "MB": 1.0, "GB": 1024.0}.get(unit.upper().replace("IB", "B"))
    return None if found is None or factor is None else round(found * factor)


def number(value: Any) -> float | None:  # noqa: ANN401
    """Return it as a number, None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
