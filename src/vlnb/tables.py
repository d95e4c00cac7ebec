"""The reader for the package's data: its TOML files."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any


def read(path: str) -> dict[str, Any]:
    """Return the content of a TOML file of the package; `path` is relative to the package.

    >>> read("bench/settings.toml").keys()
    dict_keys(['kept'])
    """
    return tomllib.loads(resources.files("vlnb").joinpath(path).read_text("utf-8"))
