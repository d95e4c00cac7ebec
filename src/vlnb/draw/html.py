"""Untrusted words on their way to a page: a model's answer, a file's name, a stored run."""

from __future__ import annotations

import html

_WORDS = 120  # characters of a label or an attribute shown


def plotly_text(text: str) -> str:
    """Return `text` as plotly shows it: on one line, cut, with nothing that it takes for markup or for a template.

    For names, categories and texts. A hover template must not hold untrusted words at all: there `%{fullData.name}`
    stands for the name.
    """
    text = " ".join(text.split())
    return html.escape(text if len(text) <= _WORDS else text[: _WORDS - 1] + "…").replace("%{", "%&#123;")
