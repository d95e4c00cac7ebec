"""Untrusted words on their way to a page: a model's answer, a file's name, a stored run."""

from __future__ import annotations

import html

_WORDS = 120  # characters of a label or an attribute shown


def plotly_text(text: str) -> str:
    """Return `text` for plotly: on one line, shortened, with nothing that plotly reads as markup or as a template.

    Use it for names, categories and texts. A hover template must not contain untrusted words at all: write
    `%{fullData.name}` there.

    >>> plotly_text("<b>50 %</b>")
    '&lt;b&gt;50 %&lt;/b&gt;'
    """
    text = " ".join(text.split())
    return html.escape(text if len(text) <= _WORDS else text[: _WORDS - 1] + "…").replace("%{", "%&#123;")
