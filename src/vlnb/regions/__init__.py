"""Regions of a picture: parses any answer of a model into typed regions in original pixels, and scores them.

`parse` reads an answer; `to_original` maps from the size that the model saw to the original; `iou` and `match` compare.
"""

from __future__ import annotations

from vlnb.regions.compare import Match, iou, match
from vlnb.regions.parse import parse
from vlnb.regions.shapes import Box, Change, Point, Polygon, Regions, to_original

__all__ = ["Box", "Change", "Match", "Point", "Polygon", "Regions", "iou", "match", "parse", "to_original"]
