"""Parts that panels share: how an error and how what is still moving is told, and which files may be chosen."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets

if TYPE_CHECKING:
    from vlnb.errors import VlnbError

WIDE = widgets.Layout(width="min(100%, 640px)")


def alert(error: VlnbError) -> str:
    """Return an error as HTML that a screen reader says at once."""
    return f'<div role="alert"><strong>{type(error).__name__}</strong>: {html.escape(str(error))}</div>'


def live(content: str) -> str:
    """Return HTML whose changes a screen reader says when it is free to."""
    return f'<div aria-live="polite">{content}</div>'


def upload(description: str, *, multiple: bool = False) -> widgets.FileUpload:
    """Return a button that takes pictures and PDFs."""
    button = widgets.FileUpload(
        accept="image/*,.heic,.avif,.pdf",
        description=description,
        multiple=multiple,
        layout=widgets.Layout(width="auto"),
    )
    button.tooltip = "A picture or a PDF of yours; it goes to the server named above and nowhere else"
    return button
