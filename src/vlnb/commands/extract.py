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
    wanted = read_schema(schema)
    for note in typed.Form.of(wanted).loosened:
        say(note)
    endpoint = server(url, model)
    found: dict[str, TypedReply | VlnbError] = {}
    try:
        for name in picture:
            try:
                reply = found[name] = endpoint.ask(question, *images.pages(name), schema=wanted, max_tokens=max_tokens)
                issues = [f"{name}: {issue}".replace("max_tokens", "--max-tokens") for issue in reply.issues]
            except VlnbError as error:
                found[name] = error
                issues = [str(error) if name in str(error) else f"{name}: {error}"]
            for issue in issues:
                say(issue)
            if not out:
                show(_line(name, found[name]))
    finally:  # Ctrl-C too keeps what has been answered
        if out and found:
            encoding = "utf-8-sig" if kind == ".csv" else "utf-8"  # as Excel expects
            write(out, _WRITERS[kind](found), encoding=encoding)
            say(f"stored in {out}")
    return 0 if all(not isinstance(one, VlnbError) and one.valid for one in found.values()) else 1


def read_schema(path: Path) -> Any:  # noqa: ANN401
    """Return the JSON schema in a file. Raises `BadInput`."""
    try:
        with path.open("rb") as file:
            schema = json.loads(file.read(_MOST_BYTES).decode())
    except OSError as error:
        raise BadInput(f"--schema {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise BadInput(f"--schema {path} is no text. Is it the picture? The schema is a file with JSON.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"--schema {path} is not JSON: {error}.") from error
    if not isinstance(schema, dict):
        raise BadInput(f'--schema {path} holds no schema, which begins like {{"type": "object", "properties": {{')
    return schema


def _line(name: str, one: TypedReply | VlnbError) -> str:
    if isinstance(one, VlnbError):
        return json.dumps({"source": name, "data": None, "issues": [str(one)], "evidence": {}}, ensure_ascii=False)
    issues, places = [str(issue) for issue in one.issues], {}
    try:
        for path, found in one.evidence.items():
            box = found.box and found.box.corners
            places[path] = {"text": found.text, "how": found.how, "page": found.page, "box": box}
    except BadInput as error:  # no text recognition is installed here: the answer itself is good
        issues.append(str(error))
    data = {"source": name, "data": one.data, "issues": issues, "evidence": places}
    return json.dumps(data, ensure_ascii=False)


def _csv(found: dict[str, TypedReply | VlnbError]) -> str:
    """Return a table with a row for each record, or for each document if its data hold no list of records."""
    from vlnb import typed
    from vlnb.typed.answer import leaves

    table: list[dict[str, Any]] = []
    for name, one in found.items():
        data = {} if isinstance(one, VlnbError) else one.data
        records: list[Any] = max((rows for _, rows in typed.records(data)), key=len, default=[{}])
        single = (
            {key: value for key, value in data.items() if not isinstance(value, list)} if isinstance(data, dict) else {}
        )
        table += ({"source": name} | dict(leaves({**single, **record}, nulls=True)) for record in records)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for one in table for key in one)))
    writer.writeheader()
    writer.writerows({key: _inert(value) for key, value in one.items()} for one in table)
    return text.getvalue()


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
