"""`vlnb extract`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.commands import Count, say, show
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint.typed import TypedReply

_MOST_BYTES = 1_000_000


def extract(
    *picture: str,
    schema: Path,
    question: str = "Extract the data of this document.",
    out: Path | None = None,
    url: str | None = None,
    model: str | None = None,
    max_tokens: Count = 4096,
) -> int:
    """Extract data from documents by a JSON schema, each value tied to its place.

    For example: vlnb extract invoice.pdf --schema invoice.json --out invoices.csv

    Parameters
    ----------
    picture
        Paths or addresses of pictures or PDFs; all pages of one are one document.
    schema
        File with the JSON schema.
    question
        What to ask beside the schema.
    out
        File to write: .csv (a row for each record), .jsonl (a line for each document) or .html (every value with its
        place). Without it, the lines of .jsonl go to standard output.
    url
        The server to ask (instead of VLNB_BASE_URL).
    model
        The model to ask (instead of VLNB_MODEL).
    max_tokens
        Longest answer, in tokens.
    """
    from vlnb import images, typed
    from vlnb.endpoint import connect

    kind = out.suffix.lower() if out else ".jsonl"
    if not picture or kind not in _WRITERS:
        raise BadInput("Name a picture or PDF, and a file that ends in .csv, .jsonl or .html for --out.")
    try:
        with schema.open("rb") as file:
            wanted = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError) as error:
        raise BadInput(f"--schema {schema} is not a JSON file that can be read ({error}).") from error
    for note in typed.Form.of(wanted).loosened:
        say(note)
    endpoint = connect(url, model=model, announce=say)
    found: dict[str, TypedReply] = {}
    failed = 0
    for name in picture:
        try:
            reply = found[name] = endpoint.ask(question, *images.pages(name), schema=wanted, max_tokens=max_tokens)
        except VlnbError as error:
            failed += 1
            say(f"{name}: {error}")
            continue
        for issue in reply.issues:
            say(f"{name}: {issue}")
        failed += not reply.valid
        if not out:
            show(_line(name, reply))
        else:
            try:
                out.write_text(_WRITERS[kind](found), "utf-8-sig" if kind == ".csv" else "utf-8")
            except OSError as error:
                raise BadInput(f"--out {out} cannot be written: {error.strerror}.") from error
    return 1 if failed else 0


def _line(name: str, reply: TypedReply) -> str:
    places = {
        path: {"text": one.text, "how": one.how, "page": one.page, "box": one.box and one.box.corners}
        for path, one in reply.evidence.items()
    }
    issues = list(map(str, reply.issues))
    data = {"source": name, "data": reply.plain("json"), "issues": issues, "evidence": places}
    return json.dumps(data, ensure_ascii=False)


def _csv(found: dict[str, TypedReply]) -> str:
    """Return a table with a row for each record, or for each document if its data hold no list of records."""
    import pandas as pd

    from vlnb import typed

    tables: list[Any] = []
    for name, reply in found.items():
        plain = reply.plain()
        rows = max((one for _, one in typed.records(plain)), key=len, default=[plain])
        single = {key: value for key, value in plain.items() if not isinstance(value, list)} if rows != [plain] else {}
        tables.append(pd.json_normalize([{"source": name, **single, **one} for one in rows]))
    return str(pd.concat(tables).to_csv(index=False))


def _jsonl(found: dict[str, TypedReply]) -> str:
    return "".join(f"{_line(name, reply)}\n" for name, reply in found.items())


def _html(found: dict[str, TypedReply]) -> str:
    from vlnb.markup import element
    from vlnb.typed.view import page

    return page(
        "Extracted data", [element("section", element("h2", name), one.as_html()) for name, one in found.items()]
    )


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".html": _html}
