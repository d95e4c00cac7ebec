"""Pictures out: regions drawn on a picture, a figure to explore them, and the grid of its tokens."""

from __future__ import annotations

from vlnb.draw.colours import COLOURS, colours
from vlnb.draw.grid import cost, grid
from vlnb.draw.interactive import interactive
from vlnb.draw.overlay import overlay

__all__ = ["COLOURS", "colours", "cost", "grid", "interactive", "overlay"]
