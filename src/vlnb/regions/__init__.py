"""Places on a picture: from whatever a model wrote to typed regions in original pixels, and how good they are.

`parse` reads an answer; `to_original` maps between the picture as seen and as it was; `iou` and `match` compare.
"""

from __future__ import annotations

from vlnb.regions.compare import Match, iou, match
from vlnb.regions.parse import parse
from vlnb.regions.shapes import Box, Change, Point, Polygon, Regions, to_original

__all__ = ["Box", "Change", "Match", "Point", "Polygon", "Regions", "iou", "match", "parse", "to_original"]
