"""The data that are shipped beside the code: one reader for every TOML file of the package."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any


def read(path: str) -> dict[str, Any]:
    """Return what a TOML file of the package holds; `path` is relative to the package.

    >>> read("bench/settings.toml").keys()
    dict_keys(['kept'])
    """
    return tomllib.loads(resources.files("vlnb").joinpath(path).read_text("utf-8"))
