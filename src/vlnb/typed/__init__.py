"""Typed answers: a schema on its way to a server, the answer on its way back, and where each value stands.

`Form.of` lowers a schema to what servers enforce, `read` reads an answer by it, `evidence.find` places the values on
the pictures, `values` reads printed amounts and dates.
"""

from __future__ import annotations

from vlnb.typed.answer import Issue, read, records
from vlnb.typed.form import Form

__all__ = ["Form", "Issue", "read", "records"]
