"""Build HTML from untrusted text, safely by type.

`element` builds every tag. It escapes children and attributes that are plain text, and keeps only those of type `Html`
unchanged, which it has built itself. So no text of a model, a server or a file can become a tag, without any care by
the caller.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

ROW = "display:flex;gap:12px;flex-wrap:wrap;align-items:flex-start"
LEFT = "text-align:left;white-space:normal;max-width:320px;padding:.15em 1em .15em 0"
# JupyterLab's own colours, so that they follow its theme; elsewhere ones that read on white and on black.
GOOD = "var(--jp-success-color1, #009E73)"
BAD = "var(--jp-error-color1, #D55E00)"
FAINT = "#8884"
_PAGE_CSS = (
    ":root{color-scheme:light dark} body{font:16px/1.5 system-ui,sans-serif;margin:2em;padding:0 1em}"
    " td,th{padding:0 1em 0 0}"
)


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows if this is the last value of a cell."""
        return str(self)


def element(name: str, *children: str, **attributes: str | int) -> Html:
    """Return a tag around its children; `aria_label` is written aria-label, `class_` class.

    >>> print(element("b", "2 < 3", class_="sum"))
    <b class="sum">2 &lt; 3</b>
    """
    attrs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
    )
    inner = joined(children)
    return Html(f"<{name}{attrs}>" if name in {"br", "img", "meta"} else f"<{name}{attrs}>{inner}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Concatenate parts, each escaped unless it is `Html`, with `between` in between."""
    safe = (part if isinstance(part, Html) else Html(html.escape(part)) for part in parts)
    return Html(html.escape(between).join(safe))


def words(text: str) -> Html:
    """Return a model's text with its line breaks and spaces kept."""
    return element("div", text, style="white-space:pre-wrap;overflow-wrap:anywhere")


def row(*parts: str) -> Html:
    """Return parts side by side, wrapped on a narrow page."""
    return element("div", *parts, style=ROW)


def alert(error: Exception) -> Html:
    """Return an error that a screen reader announces at once."""
    return element("div", element("strong", str(error)), role="alert")


def live(*parts: str) -> Html:
    """Return parts that a screen reader announces when they change, once it has finished speaking."""
    return element("div", *parts, aria_live="polite")


def listed(items: Iterable[str]) -> Html:
    """Return a bulleted list, or "" without items."""
    points = [element("li", item) for item in items]
    return element("ul", *points) if points else Html()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table with a heading for each column."""
    top = element("tr", *(element("th", name, style=LEFT) for name in head))
    body = (element("tr", *(element("td", cell, style=LEFT) for cell in cells)) for cells in rows)
    return element("table", element("thead", top), element("tbody", *body))


def bar(share: float, colour: str, *, width_px: int = 90) -> Html:
    """Return a small bar, filled to a `share` from 0 to 1."""
    fill = element("div", style=f"width:{width_px * share:.0f}px;height:8px;background:{colour}")
    return element("div", fill, style=f"width:{width_px}px;height:8px;background:{FAINT}")


def page(title: str, *parts: str, css: str = "") -> str:
    """Return a self-contained HTML page. `css` must be our own style sheet, not untrusted text."""
    style = element("style", Html(_PAGE_CSS + css))
    head = element("head", element("meta", charset="utf-8"), element("title", title), style)
    return f"<!doctype html>{element('html', head, element('body', element('h1', title), *parts), lang='en')}"
