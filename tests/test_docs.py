"""The pages say what is so."""

import re
from pathlib import Path

import pytest

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
