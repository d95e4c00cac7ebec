"""A folder of pictures, or a file of requests, to a table: `process` asks about every row, and `read` is the table.

`process` may be killed at any moment. Started again, it asks only about what has no answer yet.
"""

from __future__ import annotations

from vlnb.batch.run import process
from vlnb.batch.shards import Answers, read

__all__ = ["Answers", "process", "read"]
