"""The documentation matches the code."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import vlnb

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_environment_variable_is_documented():
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', source))
    documented = set(re.findall(r"`([A-Z][A-Z_]+)", (ROOT / "docs" / "environment.md").read_text()))
    assert used <= documented
    assert {"VLNB_BASE_URL", "VLNB_API_KEY", "VLNB_MODEL", "VLNB_CACHE"} <= used


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_commands_and_links_on_a_page_exist(page):
    text = page.read_text()
    for path in re.findall(r"`((?:[\w.]+/)+[\w.]*|[a-z_]+\.(?:py|md))`", text):
        candidates = (ROOT / path, ROOT / "src" / "vlnb" / path, ROOT / "tests" / path)
        assert any(candidate.exists() for candidate in candidates), f"{page.name} names {path}"
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.MULTILINE):
        assert target in targets, f"{page.name} names make {target}"
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


def examples():
    """Yield the name and the doctest of every docstring with a runnable example."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(vlnb.__path__, "vlnb."):
        if not info.name.endswith("__main__"):
            found = finder.find(importlib.import_module(info.name), info.name)
            yield from ((example.name, example) for example in found if example.examples)


EXAMPLES = dict(examples())


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring_examples_run(name):
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(EXAMPLES[name]).failed == 0


def test_at_least_30_docstrings_have_an_example():
    assert len(EXAMPLES) >= 30, sorted(EXAMPLES)
