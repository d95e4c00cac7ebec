"""The layers of docs/architecture.md: imports point down only, from the user interface to the ground."""

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
HEIGHT = {package: len(LAYERS) - number for number, layer in enumerate(LAYERS) for package in layer}
# Outside the layers: what the package may import, and which packages may import it.
ASIDE = {
    "embedded": (
        {"images", "local", "catalog", "errors", "fetch", "tables", "typed"},
        {"endpoint", "commands", "typed"},
    )
}


def imports():
    """Yield (file, imported name) for every import in vlnb, also inside functions."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            yield from ((path.relative_to(SOURCE), name) for name in names)


IMPORTS = tuple(imports())


def package_of(path):
    return path.with_suffix("").parts[0]


def test_every_package_has_a_layer():
    packages = {path.stem if path.suffix else path.name for path in SOURCE.iterdir() if path.name[0] not in "_."}
    assert packages - {"py"} == {package for package in HEIGHT if package[0] != "_"} | ASIDE.keys()


def test_imports_point_down():
    wrong = []
    for path, name in IMPORTS:
        root, _, imported = f"{name}.".partition(".")
        importer, imported = package_of(path), imported.partition(".")[0]
        if root != "vlnb" or imported == importer or str(path) == "__init__.py":
            continue
        if importer in ASIDE:
            allowed = imported in ASIDE[importer][0]
        elif imported in ASIDE:
            allowed = importer in ASIDE[imported][1]
        else:
            allowed = HEIGHT.get(imported, 99) < HEIGHT[importer] or {imported, importer} <= {
                "draw",
                "samples",
                "prompts",
                "regions",
            }
        if not allowed:
            wrong.append(f"{path} imports {imported or 'the package itself'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("library", "packages"),
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
def test_each_library_is_imported_only_by_its_packages(library, packages):
    assert {path.parts[0] for path, name in IMPORTS if name.partition(".")[0] == library} <= packages
