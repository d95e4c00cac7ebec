"""Record the run that the workbook shows if Chromium is missing: the embedded engine on the shipped page.

.venv/bin/python scripts/record_agent.py
"""

from __future__ import annotations

from pathlib import Path

import vlnb
from vlnb import agent

GOAL = (
    'Type "ada" into Name and "lovelace" into Password, press "Log in", select "Green tea" from the list,'
    ' type "3" into Packets and press "Place order".'
)
TARGET = Path(__file__).parent.parent / "src" / "vlnb" / "agent" / "recorded.json"

run = agent.run(vlnb.connect(), agent.SHOP, GOAL, confirm=lambda _: True, size=(560, 460))
run.save(Path("build/agent"))
TARGET.write_bytes(Path("build/agent/run.json").read_bytes())
print(f"{TARGET}: {run.status}, {TARGET.stat().st_size / 1000:.0f} kB")
