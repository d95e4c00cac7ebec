"""Video: frames with exact times, what they cost before they are sent, the events of an answer, a server's clock.

`frames` takes them from a file, `cost` says what they cost, `events` reads an answer and `timeline` draws it; `check`
measures whether the times that a server answers are right.
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
