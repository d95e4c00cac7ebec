"""vlnb: serve, prompt and measure Qwen2.5-VL, from notebooks and from scripts.

The names below are all that a notebook needs. Each is imported on first use, so that `import vlnb` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vlnb._version import __version__

if TYPE_CHECKING:
    from vlnb import accuracy, agent, batch, bench, catalog, charts, draw, images, launch, panels, playground, prompts
    from vlnb import regions as regions
    from vlnb import samples as samples
    from vlnb import typed as typed
    from vlnb import video as video
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
# Subpackages that need extras which a minimal installation lacks.
_EXTRAS = {
    "accuracy": "bench",
    "batch": "batch",
    "bench": "bench",
    "charts": "notebooks",
    "panels": "notebooks",
}
__all__ = [
    "BadAnswer", "BadInput", "Endpoint", "LaunchFailed", "NoServer", "Picture", "Reply", "ServerRefused",
    "VlnbError", "__version__", "accuracy", "agent", "batch", "bench", "catalog", "charts", "connect", "draw", "images",
    "launch", "panels", "playground", "prompts", "regions", "samples", "typed", "video",
]  # fmt: skip
_MODULES = frozenset(__all__) - _HOME.keys() - {"__version__"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name in _MODULES:
        if name in _EXTRAS:
            from vlnb import extras

            extras.require(_EXTRAS[name], f"vlnb.{name}")
        return import_module(f"vlnb.{name}")
    if name in _HOME:
        return getattr(import_module(f"vlnb.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vlnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
