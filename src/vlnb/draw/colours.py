"""Colours for labels: one for each label if labels are few and repeat, otherwise one colour for all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

# Okabe and Ito's colours, which colour-blind people can distinguish, without yellow, which is too faint for thin lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INKS = dict.fromkeys(COLOURS, "#000") | {"#0072B2": "#fff"}  # of letters on each colour: a contrast of at least 4.5 : 1
_PLAIN = "#D55E00"


def colours(labels: Iterable[str]) -> dict[str, str]:
    """Return a colour for each label. A label has the same colour on all pictures unless two labels collide.

    >>> colours(["taxi", "taxi", "bus"])
    {'bus': '#CC79A7', 'taxi': '#E69F00'}
    >>> colours(["one", "two"])
    {'one': '#D55E00', 'two': '#D55E00'}
    """
    listed = list(labels)
    distinct = sorted(set(listed))
    if not 1 < len(distinct) <= min(len(COLOURS), len(listed) - 1):
        return dict.fromkeys(distinct, _PLAIN)
    chosen: dict[str, str] = {}
    for label in distinct:
        first = zlib.crc32(label.encode("utf-8", "replace")) % len(COLOURS)
        chosen[label] = next(colour for colour in (COLOURS[first:] + COLOURS[:first]) if colour not in chosen.values())
    return chosen
