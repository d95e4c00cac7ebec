"""Draw on pictures: regions that can be explored with mouse or keyboard, and the token grid."""

from __future__ import annotations

from vlnb.draw.colours import COLOURS, colours
from vlnb.draw.grid import cost, grid
from vlnb.draw.overlay import Overlay, overlay

__all__ = ["COLOURS", "Overlay", "colours", "cost", "grid", "overlay"]
