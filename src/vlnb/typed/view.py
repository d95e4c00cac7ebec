"""Typed answers as HTML: the fields beside the pictures, each linked to its place by CSS alone, without a script."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vlnb.draw.overlay import covered, outlined
from vlnb.markup import BAD, FAINT, LEFT, Html, element, row
from vlnb.typed.answer import leaves

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.typed.evidence import Evidence

_SHOWN_PX = 560
_HOW = {
    "nowhere": "nowhere on the picture",
    "exact": "as printed",
    "typed": "the same value as {0}",
    "fuzzy": "read as {0}",
    "ambiguous": "one of several such places",
}
_BLUE = "#0072B2"
_HINT = (
    "Hover over a field to see its place, or over a place to see its field. Values in red were not found on the"
    " picture. A place shows that the text is there, not that it answers the field."
)
_MARKED = "outline:3px solid #D55E00!important;background:#D55E0040!important"


def view(printed: Any, data: Any, evidence: Mapping[str, Evidence], pictures: Sequence[Picture]) -> Html:  # noqa: ANN401
    """Return the fields of an answer beside its pictures. Hovering over a field marks its place, and vice versa.

    Where a value in `data` differs from the `printed` text that it was read from, both are shown. Values that were not
    found on the pictures are red.
    """
    read = dict(leaves(data))
    fields = [
        (path, value if str(read.get(path, value)) == str(value) else f"{value} = {read[path]}", evidence.get(path))
        for path, value in leaves(printed, nulls=True)
    ]
    name = f"typed-{zlib.crc32(repr(fields).encode()):x}"
    rules = (f".{name}:has([data-v='{i}']:is(:hover,:focus)) [data-v='{i}']{{{_MARKED}}}" for i in range(len(fields)))
    body = element("tbody", *(_field(i, *field) for i, field in enumerate(fields)))
    head = element(
        "thead", element("tr", *(element("th", text, style=LEFT) for text in ("field", "value", "evidence")))
    )
    pages = (_picture(number, picture, fields) for number, picture in enumerate(pictures))
    strip = element("div", *pages, style=f"flex:0 1 {_SHOWN_PX}px;min-width:0")
    parts = (element("style", Html("".join(rules))), row(element("table", head, body), strip), element("small", _HINT))
    return element("div", *parts, class_=name)


def _field(number: int, path: str, value: object, evidence: Evidence | None) -> Html:
    nowhere = evidence is not None and evidence.how == "nowhere"
    place = _HOW[evidence.how].format(evidence.text) if evidence else "not on the picture" if value is None else "–"
    colour = f";color:{BAD}" if nowhere else ""
    cells = (element("td", text, style=LEFT + colour) for text in (path, "–" if value is None else str(value), place))
    return element("tr", *cells, data_v=number, tabindex=0)


def _picture(number: int, picture: Picture, fields: Sequence[tuple[str, object, Evidence | None]]) -> Html:
    places = []
    for i, (path, _, evidence) in enumerate(fields):
        if evidence and evidence.box and evidence.picture == number:
            title, style = f"{path}: {evidence.text}", outlined(evidence.box.corners, picture.original_size, _BLUE)
            places.append(element("div", data_v=i, tabindex=0, role="note", title=title, aria_label=title, style=style))
    figure = covered(picture, picture.alt or picture.source, places, shown_px=_SHOWN_PX)
    return element("div", figure, style=f"max-width:fit-content;margin-bottom:8px;border:1px solid {FAINT}")
