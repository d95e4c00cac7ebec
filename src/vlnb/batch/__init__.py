"""A table from a folder of pictures or a file of requests: `process` asks about every row, `read` opens the table.

`process` may be killed at any moment. Started again, it asks only about rows without an answer.
"""

from __future__ import annotations

from vlnb.batch.run import process
from vlnb.batch.shards import Answers, read

__all__ = ["Answers", "process", "read"]
