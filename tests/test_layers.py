"""The house of docs/architecture.md: imports point down, from what a person sees to what everything stands on."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "vlnb"
LAYERS = (
    ("__main__",),
    ("cli",),
    ("commands", "panels"),
    ("charts", "doctor"),
    ("accuracy", "agent", "playground"),
    ("bench", "batch"),
    ("launch",),
    ("endpoint",),
    ("typed", "video"),
    ("draw", "samples", "prompts", "regions"),
    ("images",),
    ("records", "fetch", "extras"),
    ("local", "catalog"),
    ("errors", "markup", "tables"),
    ("terminal", "_version"),
)
HEIGHT = {room: len(LAYERS) - number for number, layer in enumerate(LAYERS) for room in layer}
# Beside the layers: an engine that knows pictures and the ground, and is known by whoever starts it.
ASIDE = {
    "embedded": (
        {"images", "local", "catalog", "errors", "fetch", "tables", "typed"},
        {"endpoint", "cli", "commands", "typed"},
    )
}


def imports():
    """Yield (file, imported name) for every import in vlnb, those inside functions too."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            yield from ((path.relative_to(SOURCE), name) for name in names)


IMPORTS = tuple(imports())


def room(path):
    return path.with_suffix("").parts[0]


def test_every_room_has_its_place():
    rooms = {path.stem if path.suffix else path.name for path in SOURCE.iterdir() if path.name[0] not in "_."}
    assert rooms - {"py"} == {room for room in HEIGHT if room[0] != "_"} | ASIDE.keys()


def test_imports_point_down():
    wrong = []
    for path, name in IMPORTS:
        first, _, other = f"{name}.".partition(".")
        here, other = room(path), other.partition(".")[0]
        if first != "vlnb" or other == here or str(path) == "__init__.py":
            continue
        if here in ASIDE:
            fine = other in ASIDE[here][0]
        elif other in ASIDE:
            fine = here in ASIDE[other][1]
        else:
            fine = HEIGHT.get(other, 99) < HEIGHT[here] or {other, here} <= {"draw", "samples", "prompts", "regions"}
        if not fine:
            wrong.append(f"{path} imports {other or 'the package itself'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("ipywidgets", {"panels"}),
        ("plotly", {"charts"}),
        ("openai", set()),
        ("playwright", {"agent"}),
        ("sqlite3", {"playground"}),
        ("daft", {"batch"}),
        ("tomllib", {"tables.py"}),
        ("IPython", {"endpoint", "charts"}),
    ],
)
def test_a_library_has_its_room(library, rooms):
    assert {path.parts[0] for path, name in IMPORTS if name.partition(".")[0] == library} <= rooms
