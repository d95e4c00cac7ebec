"""A run to paste elsewhere: Python with openai, curl, a notebook cell, and a test that fails when the answer changes.

Each sends the body that the playground sent. Pictures are read from the history's files; the key comes from the
environment alone.
"""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Callable
from pathlib import Path
from pprint import pformat
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vlnb import tables
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.endpoint import Endpoint
from vlnb.errors import BadInput
from vlnb.images.sources import from_data_uri
from vlnb.typed.answer import leaves

if TYPE_CHECKING:
    from vlnb.playground.history import History, Run
    from vlnb.playground.question import Shown

_MOST_BYTES = 1_000_000_000


class _Code(str):
    """An expression that stands in code as it is, not as a string."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def export(run: Run, history: History, form: str) -> str:
    """Return a run as code in one of `FORMATS`.

    Raises:
        BadInput: There is no such format, a picture is no longer kept, or a test is wanted of a run without an answer.
    """
    if form not in FORMATS:
        raise BadInput(f"Unknown format {form!r}. Choose {', '.join(FORMATS)}.")
    return Template(tables.read("playground/export.toml")[form]).substitute(FORMATS[form](run, history)).lstrip()


def body(run: Run, history: History) -> dict[str, Any]:
    """Return the body of the request that a run sent. Raises `BadInput` if a picture is no longer kept."""
    said, options = run.question.said(history.load)
    return Endpoint(run.server, run.model).request(said, **options).body


def _python(run: Run, history: History) -> dict[str, str]:
    def data_uri(kind: str, path: Path) -> _Code:
        return _Code(f"data_uri({kind!r}, {str(path)!r})")

    sent = _lifted(body(run, history), history, data_uri)
    return {"note": _note(run), "server": repr(run.server), "body": _pretty(sent)}


def _curl(run: Run, history: History) -> dict[str, str]:
    commands: dict[str, str] = {}

    def mark(kind: str, path: Path) -> str:
        name = secrets.token_hex()
        commands[name] = f"data:{kind};base64,$(base64 < {shlex.quote(str(path))} | tr -d '\\n')"
        return name

    text = json.dumps(_lifted(body(run, history), history, mark), ensure_ascii=False, indent=1)
    for sign in ("\\", "$", "`"):  # what a shell reads within a here-document
        text = text.replace(sign, f"\\{sign}")
    for name, command in commands.items():
        text = text.replace(name, command)
    return {"note": _note(run), "url": shlex.quote(f"{run.server}/chat/completions"), "body": text}


def _note(run: Run) -> str:
    said = "# The embedded engine answered, at an address of its session: for another, see `vlnb serve`.\n"
    return said if run.model == EMBEDDED_MODEL else ""


def _cell(run: Run, history: History) -> dict[str, str]:
    question = run.question
    (*_, text), options = question.said(history.load)
    if question.before:
        options["before"] = [
            ([*(_code(one, history) for one in turn.pictures), turn.text], turn.answer) for turn in question.before
        ]
    if question.schema.strip():
        options["schema"] = json.loads(question.schema)
    server = "" if run.model == EMBEDDED_MODEL else f"{run.server!r}, model={run.model!r}"  # its address changes
    return {
        "connect": server,
        "said": _pretty([*(_code(one, history) for one in question.pictures), text]),
        "options": ", ".join(f"{name}={_pretty(value)}" for name, value in options.items()),
    }


def _test(run: Run, history: History) -> dict[str, str]:
    if run.state != "done":
        raise BadInput(f"Run {run.id} has no whole answer to expect. Choose one that is done.")
    told = {
        "files": {str(history.path(one)): one.sha256 for one in run.question.shown},
        "words": run.answer.split(),
        "boxes": [_Code(f"Box(**{one!r})") for one in run.facts.get("boxes", ())],
        "fields": dict(leaves(run.facts.get("data"), nulls=True)) if "data" in run.facts else {},
    }
    return {"number": str(run.id), **_cell(run, history), **{name: _pretty(value) for name, value in told.items()}}


FORMATS = MappingProxyType({"python": _python, "curl": _curl, "cell": _cell, "test": _test})
"""How a run can be exported: each fills in the template of that name in `export.toml`."""


def _code(shown: Shown, history: History) -> _Code:
    path = str(history.path(shown))
    if shown.is_video:
        return _Code(f"Path({path!r})")
    page = f", page={shown.page}" if shown.page > 1 else ""
    crop = f".crop({shown.region!r})" if shown.region and shown.crop else ""
    return _Code(f"vlnb.images.load({path!r}{page}){crop}")


def _lifted(value: Any, history: History, name: Callable[[str, Path], str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a body whose pictures are kept as files, each named by what `name` makes of its kind and path."""
    if isinstance(value, list):
        return [_lifted(one, history, name) for one in value]
    if not isinstance(value, dict):
        return value
    if str(value.get("url", "")).startswith("data:"):
        data = from_data_uri(value["url"], max_bytes=_MOST_BYTES)
        kind = value["url"].partition(";")[0].removeprefix("data:")
        return {**value, "url": name(kind, history.keep(data, f".{kind.rpartition('/')[2]}"))}
    return {key: _lifted(one, history, name) for key, one in value.items()}


def _pretty(value: object) -> str:
    return pformat(value, width=100, sort_dicts=False)
