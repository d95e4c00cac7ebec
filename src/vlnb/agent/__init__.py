"""An agent that acts: a model sees a page, says what to do, and a browser that is kept in does it.

`run` pursues a goal on a page; `recorded` is a run to look at where there is no Chromium.
"""

from __future__ import annotations

from vlnb.agent.film import SHOP, Run, recorded
from vlnb.agent.loop import run

__all__ = ["SHOP", "Run", "recorded", "run"]
