"""The pages say what is so."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import vlnb

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_variable_of_the_environment_is_explained():
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', source))
    named = set(re.findall(r"`([A-Z][A-Z_]+)", (ROOT / "docs" / "environment.md").read_text()))
    assert read <= named
    assert {"VLNB_BASE_URL", "VLNB_API_KEY", "VLNB_MODEL", "VLNB_CACHE"} <= read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_and_commands_that_a_page_names_exist(page):
    text = page.read_text()
    for path in re.findall(r"`((?:[\w.]+/)+[\w.]*|[a-z_]+\.(?:py|md))`", text):
        places = (ROOT / path, ROOT / "src" / "vlnb" / path, ROOT / "tests" / path)
        assert any(place.exists() for place in places), f"{page.name} names {path}"
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.MULTILINE):
        assert target in targets, f"{page.name} names make {target}"
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


def examples():
    """Every docstring with a runnable example, by its name."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(vlnb.__path__, "vlnb."):
        if not info.name.endswith("__main__"):
            found = finder.find(importlib.import_module(info.name), info.name)
            yield from ((example.name, example) for example in found if example.examples)


EXAMPLES = dict(examples())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_in_docstrings_run(name):
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(EXAMPLES[name]).failed == 0


def test_the_most_used_functions_have_an_example():
    assert len(EXAMPLES) >= 30, sorted(EXAMPLES)
