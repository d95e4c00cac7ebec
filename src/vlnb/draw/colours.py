"""Colours that mean something: one for each label if the labels are few and repeat, otherwise the same for all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

# Okabe and Ito's colours, which colour-blind people can distinguish, without the yellow: too faint for a thin line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INKS = dict.fromkeys(COLOURS, "#000") | {"#0072B2": "#fff"}  # letters on each: a contrast of at least 4.5 : 1
_PLAIN = "#D55E00"


def colours(labels: Iterable[str]) -> dict[str, str]:
    """Return a colour for each label. A label keeps its colour from picture to picture unless another has it too.

    >>> colours(["taxi", "taxi", "bus"])
    {'bus': '#CC79A7', 'taxi': '#E69F00'}
    >>> colours(["one", "two"])
    {'one': '#D55E00', 'two': '#D55E00'}
    """
    every = list(labels)
    distinct = sorted(set(every))
    if not 1 < len(distinct) <= min(len(COLOURS), len(every) - 1):
        return dict.fromkeys(distinct, _PLAIN)
    chosen: dict[str, str] = {}
    for label in distinct:
        first = zlib.crc32(label.encode()) % len(COLOURS)
        chosen[label] = next(colour for colour in (COLOURS[first:] + COLOURS[:first]) if colour not in chosen.values())
    return chosen
