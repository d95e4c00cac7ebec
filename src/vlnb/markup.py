"""How words become HTML: the one mechanism, by type.

`element` builds every tag. A child or an attribute that is plain text is escaped; only what `element` has built
(`Html`) is taken as it is. So nothing a model, a server or a file says can become a tag, and nobody has to remember it.
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


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return what a notebook shows for it as the last value of a cell."""
        return str(self)


def element(name: str, *children: str, **attributes: str | int) -> Html:
    """Return a tag around its children; `aria_label` is written aria-label, `class_` class.

    >>> print(element("b", "2 < 3", class_="sum"))
    <b class="sum">2 &lt; 3</b>
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
    )
    inner = joined(children)
    return Html(f"<{name}{said}>" if name in {"br", "img", "meta"} else f"<{name}{said}>{inner}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Return parts side by side, each escaped unless it is HTML."""
    safe = (part if isinstance(part, Html) else Html(html.escape(part)) for part in parts)
    return Html((between if isinstance(between, Html) else html.escape(between)).join(safe))


def words(text: str) -> Html:
    """Return a model's words: line breaks and spaces kept."""
    return element("div", text, style="white-space:pre-wrap;overflow-wrap:anywhere")


def row(*parts: str) -> Html:
    """Return parts beside each other, wrapped where the page is narrow."""
    return element("div", *parts, style=ROW)


def alert(error: Exception) -> Html:
    """Return an error that a screen reader reads out at once."""
    return element("div", element("strong", str(error)), role="alert")


def live(*parts: str) -> Html:
    """Return parts that a screen reader reads out whenever they change, once it has finished speaking."""
    return element("div", *parts, aria_live="polite")


def listed(items: Iterable[str]) -> Html:
    """Return a bulleted list, or nothing without items."""
    points = [element("li", item) for item in items]
    return element("ul", *points) if points else Html()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table with a heading for each column."""
    top = element("tr", *(element("th", name, style=LEFT) for name in head))
    body = (element("tr", *(element("td", cell, style=LEFT) for cell in cells)) for cells in rows)
    return element("table", element("thead", top), element("tbody", *body))


def bar(share: float, colour: str, *, width_px: int = 90) -> Html:
    """Return a small bar, filled to a share of 0 to 1."""
    fill = element("div", style=f"width:{width_px * share:.0f}px;height:8px;background:{colour}")
    return element("div", fill, style=f"width:{width_px}px;height:8px;background:{FAINT}")


def page(title: str, css: str, *parts: str) -> str:
    """Return a self-contained HTML page. `css` is a style sheet of ours, not untrusted text."""
    head = element("head", element("meta", charset="utf-8"), element("title", title), element("style", Html(css)))
    return f"<!doctype html>{element('html', head, element('body', element('h1', title), *parts), lang='en')}"
