"""Pictures out: regions drawn on a picture, a figure to explore them, and the grid of its tokens."""

from __future__ import annotations

from vlnb.draw.colours import COLOURS, colours
from vlnb.draw.grid import cost, grid
from vlnb.draw.overlay import Overlay, overlay

__all__ = ["COLOURS", "Overlay", "colours", "cost", "grid", "overlay"]
