"""Check for the packages of vlnb's extras, and name the command that installs them.

`pip install vlnb` suffices to load a picture, ask a server and read its answer. All other features need an extra of
the package: `vlnb[engine]`, `vlnb[notebooks]`, `vlnb[bench]`, `vlnb[mmmu]`, `vlnb[video]`,
`vlnb[agent]`, `vlnb[batch]`, `vlnb[router]`, `vlnb[app]`, `vlnb[all]`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

from vlnb.errors import BadInput

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:[^;]*;\s*(?:.*\band\s+)?extra == ['\"](?P<extra>[\w-]+)['\"])?")


def require(extra: str, purpose: str) -> None:
    """Raise `BadInput` if a package of `extra` is missing; its message says that `purpose` needs it."""
    if missing := [name for name in packages(extra) if version(name) is None]:
        raise BadInput(f"{purpose} needs {', '.join(missing)}, not installed here: pip install 'vlnb[{extra}]'")


@cache
def packages(extra: str = "") -> tuple[str, ...]:
    """Return the names of the packages of an extra ("" for the base), from vlnb's own metadata."""
    try:
        lines = metadata.requires("vlnb") or []
    except metadata.PackageNotFoundError:  # vlnb runs from source, not installed
        return ()
    matches = [match for line in lines if (match := _REQUIREMENT.match(line)) and (match["extra"] or "") == extra]
    return tuple(match["name"] for match in matches if match["name"] != "vlnb")


def version(package: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
