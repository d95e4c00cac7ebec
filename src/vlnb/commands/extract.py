"""`vlnb extract`."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.commands import Count, say, server, show, write
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint.typed import TypedReply

_MOST_BYTES = 1_000_000
_CSS = ":root{color-scheme:light dark} body{font:15px/1.5 system-ui,sans-serif;margin:2em} td,th{padding:0 1em 0 0}"
_IN_LIST = re.compile(r"\[\d+\]")
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d)")


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
        Paths or addresses of pictures or PDFs; each is one document, with all its pages.
    schema
        File with the JSON schema.
    question
        What to ask in addition to the schema.
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

    kind = out.suffix.lower() if out else ".jsonl"
    if not picture:
        raise BadInput("Name a picture or a PDF: vlnb extract invoice.pdf --schema invoice.json")
    if kind not in _WRITERS:
        raise BadInput(f"--out {out} must end in .csv, .jsonl or .html.")
    if out and not out.parent.is_dir():
        raise BadInput(f"--out {out}: there is no folder {out.parent}.")
    form = typed.Form.of(read_schema(schema))
    for note in form.loosened:
        say(note)
    endpoint = server(url, model)
    found: dict[str, TypedReply | VlnbError] = {}
    try:
        for name in picture:
            try:
                found[name] = endpoint.ask(question, *images.pages(name), schema=form, max_tokens=max_tokens)
            except VlnbError as error:
                found[name] = error
            for issue in _issues(found[name]):
                told = issue.replace("max_tokens", "--max-tokens")
                say(told if name in told else f"{name}: {told}")
            if not out:
                show(_line(name, found[name]))
    finally:  # Ctrl-C too keeps what has been answered
        if out and found:
            write(out, _WRITERS[kind](found))
            say(f"stored in {out}")
    return 0 if all(not isinstance(one, VlnbError) and one.valid for one in found.values()) else 1


def read_schema(path: Path) -> dict[str, Any]:
    """Return the JSON schema in a file. Raises `BadInput`."""
    from pydantic import TypeAdapter, ValidationError

    try:
        with path.open("rb") as file:
            return TypeAdapter(dict[str, Any]).validate_json(file.read(_MOST_BYTES))
    except OSError as error:
        raise BadInput(f"--schema {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        begins, why = '{"type": "object", "properties": {', error.errors()[0]["msg"]
        raise BadInput(f"--schema {path} holds no schema, which begins like {begins} ({why}).") from error


def _issues(one: TypedReply | VlnbError) -> list[str]:
    return [str(one)] if isinstance(one, VlnbError) else [str(issue) for issue in one.issues]


def _line(name: str, one: TypedReply | VlnbError) -> str:
    line: dict[str, Any] = {"source": name, "data": None, "issues": _issues(one), "evidence": {}}
    if not isinstance(one, VlnbError):
        line["data"] = one.data
        try:
            for path, found in one.evidence.items():
                box = found.box and found.box.corners
                line["evidence"][path] = {"text": found.text, "how": found.how, "page": found.page, "box": box}
        except BadInput as error:  # no text recognition is installed here: the answer itself is good
            line["issues"].append(str(error))
    return json.dumps(line, ensure_ascii=False)


def _csv(found: dict[str, TypedReply | VlnbError]) -> str:
    """Return a table with a row for each record, or for each document if its data hold no list of records."""
    from vlnb import typed
    from vlnb.typed.answer import leaves

    table: list[dict[str, Any]] = []
    for name, one in found.items():
        data = {} if isinstance(one, VlnbError) else one.data or {}
        records: list[Any] = max((rows for _, rows in typed.records(data)), key=len, default=[{}])
        single = {path: value for path, value in leaves(data, nulls=True) if not _IN_LIST.search(path)}
        table += ({"source": name, **single, **dict(leaves(record, nulls=True))} for record in records)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for one in table for key in one)))
    writer.writeheader()
    writer.writerows({key: _inert(value) for key, value in one.items()} for one in table)
    return f"\ufeff{text.getvalue()}"  # as Excel expects


def _inert(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: what a model says may begin with "=HYPERLINK(…"."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _jsonl(found: dict[str, TypedReply | VlnbError]) -> str:
    return "".join(f"{_line(name, one)}\n" for name, one in found.items())


def _html(found: dict[str, TypedReply | VlnbError]) -> str:
    from vlnb.markup import alert, element, page

    shown = (
        element("section", element("h2", name), alert(one) if isinstance(one, VlnbError) else one.as_html())
        for name, one in found.items()
    )
    return page("Extracted data", _CSS, *shown)


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".html": _html}
