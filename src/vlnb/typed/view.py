"""Typed answers as HTML: the fields beside the pictures, each tied to its place. No script: hovering is CSS alone."""

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
_SAID = {
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
    """Return the fields of an answer beside its pictures. A field or a place that is hovered over marks the other one.

    A value in `data` stands beside the `printed` text that it was read from, where they differ. Values that were not
    found on the pictures are red.
    """
    read = dict(leaves(data))
    known = [
        (path, said if read.get(path, said) == said else f"{said} = {read[path]}", evidence.get(path))
        for path, said in leaves(printed, nulls=True)
    ]
    name = f"typed-{zlib.crc32(repr(known).encode()):x}"
    rules = (f".{name}:has([data-v='{i}']:is(:hover,:focus)) [data-v='{i}']{{{_MARKED}}}" for i in range(len(known)))
    body = element("tbody", *(_field(i, *one) for i, one in enumerate(known)))
    head = element(
        "thead", element("tr", *(element("th", text, style=LEFT) for text in ("field", "value", "evidence")))
    )
    pages = (_picture(number, one, known) for number, one in enumerate(pictures))
    shown = element("div", *pages, style=f"flex:0 1 {_SHOWN_PX}px;min-width:0")
    parts = (element("style", Html("".join(rules))), row(element("table", head, body), shown), element("small", _HINT))
    return element("div", *parts, class_=name)


def _field(number: int, path: str, value: object, found: Evidence | None) -> Html:
    nowhere = found is not None and found.how == "nowhere"
    said = _SAID[found.how].format(found.text) if found else "not on the picture" if value is None else "–"
    colour = f";color:{BAD}" if nowhere else ""
    cells = (element("td", text, style=LEFT + colour) for text in (path, "–" if value is None else str(value), said))
    return element("tr", *cells, data_v=number, tabindex=0)


def _picture(number: int, picture: Picture, known: Sequence[tuple[str, object, Evidence | None]]) -> Html:
    places = []
    for i, (path, _, found) in enumerate(known):
        if found and found.box and found.picture == number:
            title, style = f"{path}: {found.text}", outlined(found.box.corners, picture.original_size, _BLUE)
            places.append(element("div", data_v=i, tabindex=0, role="note", title=title, aria_label=title, style=style))
    shown = covered(picture, picture.alt or picture.source, places, shown_px=_SHOWN_PX)
    return element("div", shown, style=f"max-width:fit-content;margin-bottom:8px;border:1px solid {FAINT}")
