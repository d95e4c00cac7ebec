"""What a light installation leaves out, and the command that brings it.

`pip install vlnb` brings what it takes to load a picture, ask a server and read its answer. Everything else belongs to
an extra of the package: `vlnb[engine]`, `vlnb[notebooks]`, `vlnb[bench]`, `vlnb[mmmu]`, `vlnb[video]`,
`vlnb[agent]`, `vlnb[batch]`, `vlnb[router]`, `vlnb[app]`, `vlnb[all]`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

from vlnb.errors import BadInput

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:[^;]*;\s*(?:.*\band\s+)?extra == ['\"](?P<extra>[\w-]+)['\"])?")


def require(extra: str, purpose: str) -> None:
    """Raise `BadInput` where a package of `extra` is missing; `purpose` says what it is needed for."""
    if missing := [name for name in packages(extra) if version(name) is None]:
        raise BadInput(f"{purpose} needs {', '.join(missing)}, not installed here: pip install 'vlnb[{extra}]'")


@cache
def packages(extra: str = "") -> tuple[str, ...]:
    """Return the names of the packages of an extra ("" for the base), as vlnb's own metadata lists them."""
    try:
        lines = metadata.requires("vlnb") or []
    except metadata.PackageNotFoundError:  # run from its source, without being installed
        return ()
    found = [hit for line in lines if (hit := _REQUIREMENT.match(line)) and (hit["extra"] or "") == extra]
    return tuple(hit["name"] for hit in found if hit["name"] != "vlnb")


def version(package: str) -> str | None:
    """Return the version of an installed package, None where it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
