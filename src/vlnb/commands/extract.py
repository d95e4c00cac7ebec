"""`vlnb extract`."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.commands import Count, Seconds, plain, say, server, show, write
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint.typed import TypedReply

_MAX_BYTES = 1_000_000
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d[\d\s.,()/-]*(\s[^\W\d]{1,4}|%)?$)")  # but not "-5.00 EUR"


def extract(
    *picture: str,
    schema: Path,
    question: str = "Extract the data of this document.",
    out: Path | None = None,
    url: str | None = None,
    model: str | None = None,
    max_tokens: Count = 4096,
    max_pixels: Count | None = None,
    timeout: Seconds = 600.0,
) -> int:
    """Extract data from documents by a JSON schema, each value with its place in the document.

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
    max_pixels
        Largest size at which a page is sent, in pixels.
    timeout
        Longest wait for an answer, in seconds.
    """
    from vlnb import images, typed

    kind = out.suffix.lower() if out else ".jsonl"
    _check(picture, out, kind)
    form = typed.Form.of(read_schema(schema))
    for note in form.loosened:
        say(note)
    endpoint = server(url, model, first_token_s=timeout, total_s=timeout)
    limits = {"max_tokens": max_tokens, "max_pixels": max_pixels or images.MAX_PIXELS}
    replies: dict[str, TypedReply | VlnbError] = {}
    try:
        for name in picture:
            try:
                replies[name] = endpoint.ask(question, *images.pages(name), schema=form, **limits)
            except VlnbError as error:
                replies[name] = error
            for issue in _issues(replies[name]):
                say(issue if name in issue else f"{name}: {issue}")
            if not out:
                show(_line(name, replies[name]))
    finally:  # also after Ctrl-C
        if out and replies:
            write(out, _WRITERS[kind](replies))
            say(f"stored in {out}")
    return 0 if all(not isinstance(reply, VlnbError) and reply.valid for reply in replies.values()) else 1


def _check(names: tuple[str, ...], out: Path | None, kind: str) -> None:
    from vlnb import video

    if not names:
        raise BadInput("Name a picture or a PDF: vlnb extract invoice.pdf --schema invoice.json")
    if movies := [name for name in names if video.is_video(name)]:
        raise BadInput(f"{movies[0]} is a video: extract takes pictures and PDFs.")
    if kind not in _WRITERS:
        raise BadInput(f"--out {out} must end in .csv, .jsonl or .html.")
    if out and not out.parent.is_dir():
        raise BadInput(f"--out {out}: there is no folder {out.parent}.")


def read_schema(path: Path) -> dict[str, Any]:
    """Return the JSON schema in a file. Raises `BadInput`."""
    from pydantic import TypeAdapter, ValidationError

    try:
        with path.open("rb") as file:
            return TypeAdapter(dict[str, Any]).validate_json(file.read(_MAX_BYTES).removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise BadInput(f"--schema {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        begins, reason = '{"type": "object", "properties": {', error.errors()[0]["msg"]
        raise BadInput(f"--schema {path} is not a JSON schema, which begins like {begins} ({reason}).") from error


def _issues(reply: TypedReply | VlnbError) -> list[str]:
    return [plain(problem) for problem in ([reply] if isinstance(reply, VlnbError) else reply.issues)]


def _line(name: str, reply: TypedReply | VlnbError) -> str:
    line: dict[str, Any] = {"source": name, "data": None, "issues": _issues(reply), "evidence": {}}
    if not isinstance(reply, VlnbError):
        line["data"] = reply.data
        try:
            for path, found in reply.evidence.items():
                box = found.box and found.box.corners
                line["evidence"][path] = {"text": found.text, "how": found.how, "page": found.page, "box": box}
        except BadInput as error:  # without text recognition, only the evidence is missing
            line["issues"].append(str(error))
    return json.dumps(line, ensure_ascii=False)


def _csv(replies: dict[str, TypedReply | VlnbError]) -> str:
    """Return a table with a row for each record, or for each document whose data contain no list of records."""
    from vlnb import typed
    from vlnb.typed.answer import leaves

    table: list[dict[str, Any]] = []
    for name, reply in replies.items():
        data = {} if isinstance(reply, VlnbError) else reply.data or {}
        lists: dict[str, list[Any]] = dict(typed.records(data))
        longest = max(lists, key=lambda path: len(lists[path]), default="")
        if left_out := [path for path in lists if path != longest]:
            say(f"{name}: the table holds the records of {longest}, not of {', '.join(left_out)}; a .jsonl holds all.")
        inside = tuple(f"{path}[" for path in lists)
        single = {path: value for path, value in leaves(data, nulls=True) if not path.startswith(inside)}
        document = {"source": name} | {"document.source" if key == "source" else key: single[key] for key in single}
        for record in lists.get(longest, [{}]):
            fields = dict(leaves(record, nulls=True))
            own = {f"{longest or 'record'}.{key}" if key in document else key: fields[key] for key in fields}
            table.append(document | own)
    text = io.StringIO()
    names = dict.fromkeys(key for row in table for key in row)
    csv.writer(text).writerows(
        map(_inert, row) for row in [names, *([row.get(name) for name in names] for row in table)]
    )
    return f"\ufeff{text.getvalue()}"  # as Excel expects


def _inert(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: an answer may begin with "=HYPERLINK(…"."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _jsonl(replies: dict[str, TypedReply | VlnbError]) -> str:
    return "".join(f"{_line(name, reply)}\n" for name, reply in replies.items())


def _html(replies: dict[str, TypedReply | VlnbError]) -> str:
    from vlnb.markup import alert, element, page

    sections = (
        element("section", element("h2", name), alert(reply) if isinstance(reply, VlnbError) else reply.as_html())
        for name, reply in replies.items()
    )
    return page("Extracted data", *sections)


_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".html": _html}
