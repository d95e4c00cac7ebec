"""A colour for each label: distinct for colour-blind people, and the same in every picture."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

# Okabe and Ito's colours, which colour-blind people can distinguish, without the yellow: too faint for a thin line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def colours(labels: Iterable[str]) -> dict[str, str]:
    """Return a colour for each label.

    A label keeps its colour from picture to picture unless another one has the same first choice. With more than six
    labels, colours repeat.

    >>> colours(["taxi", "dog"])
    {'dog': '#D55E00', 'taxi': '#E69F00'}
    """
    chosen: dict[str, str] = {}
    for label in sorted(set(labels)):
        first = zlib.crc32(label.encode()) % len(COLOURS)
        free = [COLOURS[(first + i) % len(COLOURS)] for i in range(len(COLOURS))]
        taken = set(chosen.values())
        chosen[label] = next((colour for colour in free if colour not in taken), free[0])
    return chosen
