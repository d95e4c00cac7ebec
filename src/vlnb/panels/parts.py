"""Parts that all panels share: the frame, foldable rows, background threads and buttons."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import ipywidgets as widgets

from vlnb.charts.style import THEME_CSS

WIDE = widgets.Layout(width="min(100%, 640px)")


class _Frame(anywidget.AnyWidget):
    """Keeps JupyterLab's keyboard shortcuts out of the surrounding panel, and sets the panel's text style.

    Without `data-lm-suppress-shortcuts`, a key pressed on a list or a button goes to the notebook: `d d` deletes the
    cell, an arrow leaves it. JupyterLab looks for it on the focused element, so each element gets it on focus.
    """

    _esm = """
    export default {
      render({ el }) {
        let waiting = true;
        const mark = () => {
          const panel = el.closest(".vlnb-panel");
          const keep = ({ target }) => { target.dataset.lmSuppressShortcuts = "true"; };
          if (panel) {
            panel.addEventListener("focusin", keep);
            panel.addEventListener("keydown", (event) => {
              if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              event.stopPropagation();
              panel.querySelector(".vlnb-ask")?.click();
            }, true);
          }
          else if (waiting) requestAnimationFrame(mark);
        };
        mark();
        return () => { waiting = false; };
      },
    };
    """
    _css = (
        """
    .vlnb-panel .widget-html > .widget-html-content { line-height: 1.5; overflow-wrap: anywhere; min-width: 0; }
    .vlnb-panel .widget-hbox { flex-flow: row wrap; column-gap: 6px; }
    .vlnb-panel { --jp-widgets-inline-label-width: 90px; }
    .vlnb-panel ::placeholder { color: var(--jp-content-font-color2, GrayText) !important; }
    .vlnb-panel .vlnb-outdated { opacity: 0.65; }
    .vlnb-panel .jupyter-widgets { box-sizing: border-box; max-width: 100%; min-width: 0; }
    """
        + THEME_CSS
    )


class Panel(widgets.VBox):  # type: ignore[misc]
    """A column of controls and results. JupyterLab does not act on keys pressed in it."""

    def __init__(self, rows: Sequence[widgets.Widget]) -> None:
        super().__init__([*rows, _Frame(layout=widgets.Layout(display="none"))])
        self.add_class("vlnb-panel")


def folded(title: str, *rows: widgets.Widget, unfolded: bool = False) -> widgets.VBox:
    """Return rows below a button that shows and hides them: Tab does not reach the headings of an `Accordion`."""
    inside, head = widgets.VBox(rows), widgets.ToggleButton(value=unfolded, layout={"width": "max-content"})

    def show(_: object = None) -> None:
        inside.layout.display = "" if head.value else "none"
        head.description = f"{'▾' if head.value else '▸'} {title}"

    head.observe(show, "value")
    show()
    return widgets.VBox([head, inside])


def in_thread(work: Callable[[], object], *, name: str = "vlnb-panel") -> threading.Thread:
    """Start `work` in a thread, so that the notebook stays responsive, and return the thread."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def alone(lock: threading.Lock, work: Callable[[], object]) -> Callable[[], object]:
    """Return a click handler that does `work` in a thread. It ignores clicks while work with the same lock goes on."""

    def run() -> None:
        try:
            work()
        finally:
            lock.release()

    return lambda: lock.acquire(blocking=False) and in_thread(run)


def button(label: str, tooltip: str, work: Callable[[], object], **options: Any) -> widgets.Button:  # noqa: ANN401
    """Return a button that calls `work` when clicked."""
    widget = widgets.Button(description=label, tooltip=tooltip, **options)
    widget.on_click(lambda _: work())
    return widget
