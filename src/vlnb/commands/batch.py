"""`vlnb batch`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vlnb.commands import Count, Seconds, plain, say, server, show
from vlnb.commands.extract import read_schema

_SHOWN = 5  # errors


def batch(  # noqa: PLR0913 - the options of a command
    source: str,
    *,
    out: Path,
    prompt: str | None = None,
    schema: Path | None = None,
    url: list[str] | None = None,
    model: str | None = None,
    max_tokens: Count | None = None,
    max_pixels: Count | None = None,
    timeout: Seconds = 600.0,
    concurrency: Count = 32,
    runner: Literal["local", "ray"] = "local",
    address: str | None = None,
    resume: bool = False,
) -> int:
    """Ask about every picture of a folder, and store the answers as a table (Parquet).

    For example: vlnb batch scans --prompt "What is the total?" --out results. Started again, it asks only about
    pictures without an answer.

    Parameters
    ----------
    source
        A folder, a glob in quotes ('scans/*.png'), a Parquet file with a column "path", or requests in OpenAI's
        batch form (.jsonl).
    out
        Folder for the answers.
    prompt
        The question about every picture.
    schema
        File with a JSON schema: the answers become columns.
    url
        The server, or several that serve one model (instead of VLNB_BASE_URL).
    model
        Its model (instead of VLNB_MODEL).
    max_tokens
        Longest answer, in tokens.
    max_pixels
        Largest size at which a picture is sent, in pixels.
    timeout
        Longest wait for an answer, in seconds.
    concurrency
        Pictures asked about at once; on Ray, by each worker.
    runner
        Where the work is done: here (local), or on a Ray cluster (ray).
    address
        The Ray cluster (default: one that is started here).
    resume
        Continue a batch in --out, but do not start a new one.
    """
    from vlnb.batch import process, read
    from vlnb.batch.run import check_runner
    from vlnb.batch.source import check

    if resume:
        read(out)
    check_runner(runner, address)  # both before looking for a server
    check(source)
    limits = {"max_tokens": max_tokens, "max_pixels": max_pixels}
    try:
        answers = process(
            source, prompt or "", out,
            schema=read_schema(schema) if schema else None,
            endpoints=[server(one, model, first_token_s=timeout, total_s=timeout) for one in url or (None,)],
            concurrency=concurrency, runner=runner, address=address,
            **{name: value for name, value in limits.items() if value},
        )  # fmt: skip
    except KeyboardInterrupt:
        say(f"Started again, the command asks about the pictures that have no answer in {out} yet.")
        raise
    say(answers)
    failed = answers.frame()[["path", "error"]].dropna().to_dict("records")
    for row in failed[:_SHOWN]:
        error = plain(row["error"])
        say(f"  {error}" if row["path"] in error else f"  {row['path']}: {error}")
    if failed:
        more = f"  and {len(failed) - _SHOWN} more, in the table.\n" * (len(failed) > _SHOWN)
        say(f"{more}Started again, the command asks about these once more.")
    show(answers.folder)
    return int(bool(failed))
