"""Export a run: Python with openai, curl, a notebook cell, or a test that fails when the answer changes.

Each sends the request body that the playground sent. Pictures are read from the history's files; the API key comes only
from the environment.
"""

from __future__ import annotations

import base64
import json
import secrets
import shlex
from pathlib import Path
from pprint import pformat
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vlnb import tables
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.endpoint import Endpoint
from vlnb.endpoint.keys import belongs
from vlnb.errors import BadInput
from vlnb.typed.answer import leaves

if TYPE_CHECKING:
    from vlnb.playground.history import History, Run
    from vlnb.playground.question import Attachment


class _Code(str):
    """An expression that is inserted into code verbatim, not as a string."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def export(run: Run, history: History, form: str) -> str:
    """Return a run as code in one of `FORMATS`.

    Raises:
        BadInput: The format is unknown, a picture is missing, or a run without an answer is exported as a test.
    """
    if form not in FORMATS:
        raise BadInput(f"Unknown format {form!r}. Choose {', '.join(FORMATS)}.")
    return Template(tables.read("playground/export.toml")[form]).substitute(FORMATS[form](run, history)).lstrip()


def _python(run: Run, history: History) -> dict[str, str]:
    request, files = _lifted(run, history)
    code = _pretty(request)
    for name, (kind, path) in files.items():
        code = code.replace(repr(name), f"data_uri({kind!r}, {str(path)!r})")
    key = 'os.environ.get("VLNB_API_KEY") or "EMPTY"' if belongs(run.server, typed=True) else '"EMPTY"'
    return {"note": _note(run), "server": repr(run.server), "key": key, "body": code}


def _curl(run: Run, history: History) -> dict[str, str]:
    request, files = _lifted(run, history)
    text = json.dumps(request, ensure_ascii=False, indent=1)
    for sign in ("\\", "$", "`"):  # what a shell expands in a here-document
        text = text.replace(sign, f"\\{sign}")
    for name, (kind, path) in files.items():
        text = text.replace(name, f"data:{kind};base64,$(base64 < {shlex.quote(str(path))} | tr -d '\\n')")
    key = "${VLNB_API_KEY:-EMPTY}" if belongs(run.server, typed=True) else "EMPTY"
    return {"note": _note(run), "key": key, "url": shlex.quote(f"{run.server}/chat/completions"), "body": text}


def _note(run: Run) -> str:
    fixed = "# The embedded engine answered, at a temporary address: start it at a fixed one with `vlnb serve`.\n"
    other = "# VLNB_API_KEY is not sent: it belongs to the server that VLNB_BASE_URL named at the time of the export.\n"
    return fixed * (run.model == EMBEDDED_MODEL) + other * (not belongs(run.server, typed=True))


def _cell(run: Run, history: History) -> dict[str, str]:
    question = run.question
    (*_, text), options = question.arguments(history.load)
    if question.before:
        options["before"] = [
            ([*(_code(p, history) for p in turn.pictures), turn.text], turn.answer) for turn in question.before
        ]
    if question.schema.strip():
        options["schema"] = json.loads(question.schema)
    server = "" if run.model == EMBEDDED_MODEL else f"{run.server!r}, model={run.model!r}"  # its address changes
    return {
        "connect": server,
        "prompt": _pretty([*(_code(p, history) for p in question.pictures), text]),
        "options": ", ".join(f"{name}={_pretty(value)}" for name, value in options.items()),
    }


def _test(run: Run, history: History) -> dict[str, str]:
    if run.state != "done":
        raise BadInput(f"Run {run.id} has no whole answer to expect. Choose one that is done.")
    expected = {
        "files": {str(history.path(one)): one.sha256 for one in run.question.attachments},
        "words": run.answer.split(),
        "boxes": [_Code(f"Box(**{box!r})") for box in run.facts.get("boxes", ())],
        "fields": dict(leaves(run.facts.get("data"), nulls=True)) if "data" in run.facts else {},
    }
    return {"number": str(run.id), **_cell(run, history), **{name: _pretty(value) for name, value in expected.items()}}


FORMATS = MappingProxyType({"python": _python, "curl": _curl, "cell": _cell, "test": _test})
"""The export formats: each function returns what the template of that name in `export.toml` needs."""


def _code(attachment: Attachment, history: History) -> _Code:
    path = str(history.path(attachment))
    if attachment.is_video:
        return _Code(f"Path({path!r})")
    page = f", page={attachment.page}" if attachment.page > 1 else ""
    crop = f".crop({attachment.region!r})" if attachment.region and attachment.crop else ""
    return _Code(f"vlnb.images.load({path!r}{page}){crop}")


def _lifted(run: Run, history: History) -> tuple[dict[str, Any], dict[str, tuple[str, Path]]]:
    """Return the request body with a random name for each data URI, and the (media type, file) of each name.

    Raises `BadInput` if a picture is no longer in the history.
    """
    prompt, options = run.question.arguments(history.load)
    request, files = Endpoint(run.server, run.model).request(prompt, **options).body, {}
    questions = (message["content"] for message in request["messages"] if message["role"] == "user")
    for part in (part for content in questions for part in content if part["type"] != "text"):
        link, name = part[part["type"]], secrets.token_hex()
        kind, _, data = link["url"].removeprefix("data:").partition(";base64,")
        files[name] = kind, history.keep(base64.b64decode(data), f".{kind.rpartition('/')[2]}")
        link["url"] = name
    return request, files


def _pretty(value: object) -> str:
    return pformat(value, width=100, sort_dicts=False)
