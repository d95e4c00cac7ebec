"""One way to talk to a model: `connect()` finds a server, `Endpoint.ask` asks it, `Reply` is the answer."""

from __future__ import annotations

from vlnb.endpoint.client import Endpoint
from vlnb.endpoint.reply import Reply, Usage
from vlnb.endpoint.resolve import connect
from vlnb.endpoint.stream import Stream

__all__ = ["Endpoint", "Reply", "Stream", "Usage", "connect"]
