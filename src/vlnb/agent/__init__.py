"""An agent: a model sees a web page and answers with actions, and a sandboxed browser performs them.

`run` pursues a goal on a page; `recorded` returns a stored run, for machines without Chromium.
"""

from __future__ import annotations

from vlnb.agent.film import SHOP, Run, recorded
from vlnb.agent.loop import run

__all__ = ["SHOP", "Run", "recorded", "run"]
