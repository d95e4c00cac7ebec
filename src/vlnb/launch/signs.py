"""The meaning of the lines of a server's log. The data are in `signs.toml`, which explains them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vlnb import tables

_SIGNS = tables.read("launch/signs.toml")


@dataclass(frozen=True)
class Stage:
    """One stage of a start: the patterns that begin, count and end it, and the cause of a lack of memory in it."""

    name: str
    begins: re.Pattern[str]
    counts: re.Pattern[str]
    ends: re.Pattern[str]
    frames: re.Pattern[str]
    memory: str


@dataclass(frozen=True)
class Sign:
    """One cause: the pattern of its lines, in lower case, and the advice.

    `kind` is "cause", "memory", "symptom" or "weak".
    """

    name: str
    advice: str
    lines: re.Pattern[str]
    kind: str = "cause"


@functools.cache
def stages() -> tuple[Stage, ...]:
    """Return the stages of a start, in order."""
    return tuple(Stage(**{"counts": _any([]), **_compiled(row)}) for row in _SIGNS["stage"])


@functools.cache
def signs() -> tuple[Sign, ...]:
    """Return all signs, in the order in which a line is matched against them."""
    return tuple(Sign(**row | {"lines": _any(map(_lower, row["lines"]), 0)}) for row in _SIGNS["cause"])


@functools.cache
def pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of that name in the table `lines`."""
    return _any(_SIGNS["lines"][name])


def _compiled(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _any(value) if isinstance(value, list) else value for key, value in row.items()}


def _lower(pattern: str) -> str:
    r"""Return a pattern for text in lower case, which takes half the time of IGNORECASE; `\S` stays as it is."""
    return re.sub(r"(?<!\\)[A-Z]", lambda letter: letter[0].lower(), pattern)


def _any(patterns: Iterable[str], flags: int = re.IGNORECASE) -> re.Pattern[str]:
    """Return one expression for all patterns. Without patterns, it matches nothing."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or "(?!)", flags)
