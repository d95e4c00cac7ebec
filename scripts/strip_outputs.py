"""Remove what running a notebook adds to it: git's filter, so that a run changes nothing in the repository.

Reads a notebook from standard input and writes it to standard output, in the form in which notebooks are committed.
`scripts/lab.py` sets the filter up; `.gitattributes` names its files.
"""

import json
import sys


def stripped(text: str) -> str:
    """Return a notebook without outputs, execution counts and the state of widgets."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key == "tags"}
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    source = sys.stdin.read()
    try:
        sys.stdout.write(stripped(source))
    except (ValueError, KeyError, TypeError):  # not a notebook: git must not lose it
        sys.stdout.write(source)
