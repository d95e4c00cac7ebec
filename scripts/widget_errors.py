"""Report executed notebooks with an error in a cell, or in an Output widget, where a plain run does not notice it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

_STATE = "application/vnd.jupyter.widget-state+json"


def hidden_errors(notebook: Any) -> Iterator[str]:  # noqa: ANN401 - nbformat is untyped
    """Yield each error in the cells of an executed notebook and in its stored widget state."""
    states = notebook.metadata.get("widgets", {}).get(_STATE, {}).get("state", {}).values()
    in_widgets = [output for state in states for output in state["state"].get("outputs") or []]
    in_cells = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in (*in_cells, *in_widgets):
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"


def main() -> int:
    """Check the notebooks on the command line; return 1 if one holds an error or was not executed."""
    error_count = 0
    for path in map(Path, sys.argv[1:]):
        notebook = nbformat.read(path, 4)
        errors = list(hidden_errors(notebook))
        if not any(cell.get("execution_count") for cell in notebook.cells):
            errors.append("it was not executed")
        for error in errors:
            print(f"{path}: {error}")
        error_count += len(errors)
    return int(error_count > 0)


if __name__ == "__main__":
    sys.exit(main())
