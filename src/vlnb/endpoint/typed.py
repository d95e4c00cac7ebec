"""Typed data: the reply to a question with a schema, and the test whether a server enforces schemas."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from vlnb import typed
from vlnb.endpoint.reply import Reply
from vlnb.errors import BadInput
from vlnb.markup import Html, element, joined, listed

if TYPE_CHECKING:
    import pandas as pd

    from vlnb.endpoint.client import Endpoint
    from vlnb.typed.evidence import Evidence

_PROBE_TOKENS = 100


@dataclass(frozen=True)
class TypedReply(Reply):
    """An answer by a schema.

    `data` is the checked instance of the model if the reply is `valid`, else a dictionary; for a JSON schema it is
    always plain data, with null for values that the picture lacks. `issues` list what is wrong, by path. `printed` is
    the answer with each value as the picture prints it.
    """

    data: Any = field(kw_only=True)
    printed: Any = field(kw_only=True, repr=False)
    issues: tuple[typed.Issue, ...] = field(kw_only=True)

    @property
    def whole(self) -> bool:
        """Whether the answer arrived completely, and as JSON. It may still violate the schema."""
        return not any(issue.kind in {"cut", "white space", "not JSON"} for issue in self.issues)

    @property
    def valid(self) -> bool:
        """Whether the answer is whole and follows the schema."""
        return self.whole and not any(issue.kind == "violation" for issue in self.issues)

    @cached_property
    def evidence(self) -> Mapping[str, Evidence]:
        """Where each value stands, by its path (`items[0].price`). Reads the pictures on the CPU when first used.

        Raises:
            BadInput: No text recognition is installed here (`pip install 'vlnb[engine]'`).
        """
        from vlnb.typed.evidence import find

        return find(self.printed, self.pictures, self.seen_sizes)

    def plain(self, mode: Literal["python", "json"] = "python") -> Any:  # noqa: ANN401 - any JSON value
        """Return `data` as dictionaries and lists; with "json", amounts and dates as JSON has them."""
        from pydantic import TypeAdapter

        return TypeAdapter(Any).dump_python(self.data, mode=mode)

    def frame(self, path: str = "") -> pd.DataFrame:
        """Return a list of records in the answer as a table: the one at `path` (`items`), or the longest.

        Raises:
            BadInput: The answer has no list of records there.
        """
        import pandas as pd

        tables = {place: rows for place, rows in typed.records(self.plain()) if path in ("", place)}
        if not tables:
            raise BadInput(f"The answer has no list of records{f' at {path!r}' if path else ''}.")
        return pd.json_normalize(max(tables.values(), key=len))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields but the pictures, for JSON."""
        return {**super().as_dict(), "data": self.plain("json"), "issues": [vars(issue) for issue in self.issues]}

    def as_html(self) -> Html:
        """Return the fields beside the pictures; hovering over a field marks its place, and the reverse."""
        from vlnb.typed.view import view

        try:
            fields_html = view(self.printed, self.plain("json"), self.evidence, self.pictures)
        except BadInput as error:
            fields_html = joined([super().as_html(), element("p", str(error))])
        return joined([fields_html, listed(map(str, self.issues)), element("div", element("small", self.summary))])


def enforces(endpoint: Endpoint) -> bool:
    """Return whether the server answers with the one random word that the schema allows and the prompt omits."""
    word = secrets.token_hex(4)
    schema = {"type": "object", "properties": {"word": {"enum": [word]}}, "required": ["word"]}
    form = {"type": "json_schema", "json_schema": {"name": "probe", "schema": schema | {"additionalProperties": False}}}
    reply = endpoint.stream(
        "Answer in JSON with any word.", max_tokens=_PROBE_TOKENS, temperature=1.0, response_format=form
    ).reply
    text = re.sub(r"\s", "", reply.text)
    return text != "" and f'{{"word":"{word}"}}'.startswith(text)  # white space may have used up the tokens


def typed_reply(form: typed.Form, reply: Reply) -> TypedReply:
    """Return the reply with its text parsed by the form."""
    data, printed, issues = typed.read(form, reply.text, reply.finish_reason)
    values = {item.name: getattr(reply, item.name) for item in fields(Reply)}
    return TypedReply(**values, data=data, printed=printed, issues=issues)
