"""`vlnb batch`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vlnb.commands import Count, Seconds, say, show
from vlnb.commands.extract import read_schema


def batch(  # noqa: PLR0913 - each is an option
    source: str,
    *,
    out: Path,
    prompt: str = "",
    schema: Path | None = None,
    url: list[str] | None = None,
    model: str | None = None,
    concurrency: Count = 32,
    patience: Seconds = 300.0,
    runner: Literal["local", "ray"] = "local",
    address: str | None = None,
    resume: bool = False,
) -> int:
    """Ask about every picture of a folder, and store the answers as a table (Parquet).

    For example: vlnb batch scans --prompt "What is the total?" --out results. Started again, it asks only about what
    has no answer yet.

    Parameters
    ----------
    source
        A folder, a glob in quotes ('scans/*.png'), a Parquet file with a column "path", or requests in OpenAI's
        batch form (.jsonl).
    out
        Folder for the answers.
    prompt
        What to ask about every picture.
    schema
        File with a JSON schema: the answers become columns.
    url
        The server, or several that serve one model (instead of VLNB_BASE_URL).
    model
        Its model (instead of VLNB_MODEL).
    concurrency
        Pictures asked about at once; on Ray, by each worker.
    patience
        Seconds without any answer after which the pictures that are left become errors.
    runner
        Where the work is done: here, or on a Ray cluster.
    address
        Address of the Ray cluster (default: one is started here).
    resume
        Only go on with a batch that --out has; without it, a new one may start.
    """
    from vlnb.batch import process, read
    from vlnb.endpoint import connect

    if resume:
        read(out)
    found = process(
        source, prompt, out,
        schema=read_schema(schema) if schema else None,
        endpoints=[connect(one, model=model, announce=say) for one in url or (None,)],
        concurrency=concurrency, patience_s=patience, runner=runner, address=address,
    )  # fmt: skip
    say(found)
    show(found.folder)
    return int(found.frame()["error"].notna().any())
