"""Say which executed notebooks hold an error in a cell, or in an Output widget, where a plain run passes it by."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

_STATE = "application/vnd.jupyter.widget-state+json"


def hidden_errors(notebook: Any) -> Iterator[str]:  # noqa: ANN401 - nbformat is untyped
    """Yield each error in the cells of an executed notebook and in the widgets' state that it carries."""
    states = notebook.metadata.get("widgets", {}).get(_STATE, {}).get("state", {}).values()
    held = [output for state in states for output in state["state"].get("outputs") or []]
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in (*shown, *held):
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"


def main() -> int:
    """Look through the notebooks named; return 1 where one holds an error, or was not executed."""
    bad = 0
    for path in map(Path, sys.argv[1:]):
        notebook = nbformat.read(path, 4)
        errors = list(hidden_errors(notebook))
        if not any(cell.get("execution_count") for cell in notebook.cells):
            errors.append("it was not executed")
        for error in errors:
            print(f"{path}: {error}")
        bad += len(errors)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
