"""Typed answers: schemas for servers, checked data from answers, and the place of each value on the pictures.

`Form.of` lowers a schema to what servers enforce, `read` parses and checks an answer, `evidence.find` locates its
values on the pictures, `values` reads printed amounts and dates.
"""

from __future__ import annotations

from vlnb.typed.answer import Issue, read, records
from vlnb.typed.form import Form

__all__ = ["Form", "Issue", "read", "records"]
