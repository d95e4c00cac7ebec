"""vlnb: serve, prompt and measure Qwen2.5-VL, from notebooks and from scripts.

The names below are all that a notebook needs; each is imported when it is first used, so that `import vlnb` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vlnb import bench, catalog, charts, check, dial, draw, images, launch, panels, prompts, regions, samples, score
    from vlnb.endpoint import Endpoint, Reply, connect
    from vlnb.errors import BadAnswer, BadInput, LaunchFailed, NoServer, ServerRefused, VlnbError
    from vlnb.images import Picture

_HOME = {
    "Endpoint": "endpoint",
    "Picture": "images",
    "Reply": "endpoint",
    "connect": "endpoint",
    **dict.fromkeys(("BadAnswer", "BadInput", "LaunchFailed", "NoServer", "ServerRefused", "VlnbError"), "errors"),
}
_MODULES = (
    "bench",
    "catalog",
    "charts",
    "check",
    "dial",
    "draw",
    "images",
    "launch",
    "panels",
    "prompts",
    "regions",
    "samples",
    "score",
)

__all__ = [
    "BadAnswer",
    "BadInput",
    "Endpoint",
    "LaunchFailed",
    "NoServer",
    "Picture",
    "Reply",
    "ServerRefused",
    "VlnbError",
    "bench",
    "catalog",
    "charts",
    "check",
    "connect",
    "dial",
    "draw",
    "images",
    "launch",
    "panels",
    "prompts",
    "regions",
    "samples",
    "score",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name in _MODULES:
        return import_module(f"vlnb.{name}")
    if name in _HOME:
        return getattr(import_module(f"vlnb.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vlnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
