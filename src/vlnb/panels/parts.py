"""Parts that panels share."""

from __future__ import annotations

import ipywidgets as widgets

WIDE = widgets.Layout(width="min(100%, 640px)")


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
