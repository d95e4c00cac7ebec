"""Report what a plain run of a notebook passes by: errors in widgets, warnings, and pictures without a description."""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat

_STATE = "application/vnd.jupyter.widget-state+json"


class _Pictures(HTMLParser):
    """Collects the pictures in a piece of HTML that have no text for screen readers."""

    def __init__(self) -> None:
        super().__init__()
        self.bare: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and "alt" not in dict(attrs):
            self.bare.append(self.get_starttag_text() or tag)


def faults(notebook: Any) -> Iterator[str]:  # noqa: ANN401 - nbformat is untyped
    """Yield each fault in the cells of an executed notebook and in the state of its widgets."""
    if not any(cell.get("execution_count") for cell in notebook.cells):
        yield "it was not executed"
    states = notebook.metadata.get("widgets", {}).get(_STATE, {}).get("state", {}).values()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    outputs += (output for state in states for output in state["state"].get("outputs") or [])
    for output in outputs:
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"
        elif output.get("name") == "stderr":
            yield f"on standard error: {output['text'].strip():.200}"
    pages = [output.get("data", {}).get("text/html", "") for output in outputs]
    pages += (state["state"]["value"] for state in states if state["model_name"] == "HTMLModel")
    for page in pages:
        pictures = _Pictures()
        pictures.feed(page)
        yield from (f"a picture without a description: {tag:.100}" for tag in pictures.bare)


def main() -> int:
    """Look through the notebooks named on the command line; return 1 if one has a fault."""
    bad = [f"{path}: {fault}" for path in sys.argv[1:] for fault in faults(nbformat.read(Path(path), 4))]
    print(*bad, sep="\n", end="\n" * bool(bad))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
