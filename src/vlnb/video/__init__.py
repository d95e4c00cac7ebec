"""Video: frames with exact times, their token cost, the events in an answer, and a check of a server's times.

`frames` extracts frames from a file, `cost` predicts the tokens of a request, `events` parses an answer, `timeline`
draws its events, and `check` measures whether the times in a server's answers are right.
"""

from __future__ import annotations

from vlnb.video.clip import Clip, Frame, Header, data_uri, frames, header, is_video
from vlnb.video.clock import Clock, check
from vlnb.video.cost import SERVERS, Cost, Way, cost
from vlnb.video.events import Event, Events, events, timeline

__all__ = [
    "SERVERS", "Clip", "Clock", "Cost", "Event", "Events", "Frame", "Header", "Way", "check", "cost", "data_uri",
    "events", "frames", "header", "is_video", "timeline",
]  # fmt: skip
