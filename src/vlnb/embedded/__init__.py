"""The embedded engine: a local OpenAI-compatible server that reads text on the CPU. It is not Qwen2.5-VL.

`start()` runs it in a thread of this process. Answers come from OCR and rules (`skills`); the engine says what it
cannot do. Usage counts image tokens by Qwen2.5-VL's own rule, and text tokens approximately (`request.pieces`).
"""

from __future__ import annotations

from vlnb.catalog import EMBEDDED_MODEL as MODEL
from vlnb.embedded.serve import Running, start

__all__ = ["MODEL", "Running", "start"]
