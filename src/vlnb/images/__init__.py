"""Pictures: from any source to exactly what the model sees.

`load` returns one `Picture`, and `pages` all those of a document. `smart_resize` returns the size at which the model
sees a picture, `tokens` its cost, and `data_uri` its form in a request body.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadInput
from vlnb.images.picture import Picture, data_uri
from vlnb.images.sizing import DELIMITER_TOKENS, MAX_PIXELS, MIN_PIXELS, UNIT_PX, smart_resize, tokens

if TYPE_CHECKING:
    from vlnb.images.decode import Pages

__all__ = [
    "DELIMITER_TOKENS", "MAX_PIXELS", "MIN_PIXELS", "SUFFIXES", "UNIT_PX", "Picture", "data_uri", "load", "pages",
    "smart_resize", "tokens",
]  # fmt: skip

# Of the pictures in a folder; its other files are ignored.
SUFFIXES = tuple(".avif .bmp .gif .heic .heif .jp2 .jpeg .jpg .pdf .png .ppm .tif .tiff .webp".split())
MAX_FILE_BYTES = 64_000_000
MAX_FILE_PIXELS = 89_000_000  # below Pillow's own alarm for decompression bombs
DPI = 150  # 10-point text of a PDF page is then 21 pixels high
TIMEOUT_S = 20.0

# A path, a `~` path, a `file://`, `http(s)://` or `data:` address, bytes, an open binary file, a Pillow image, a numpy
# array, or an ipywidgets upload. The type is not exact, because these libraries are imported only when they are used.
Source = Any


def load(
    source: Source,
    *,
    page: int = 1,
    dpi: int = DPI,
    max_bytes: int = MAX_FILE_BYTES,
    max_pixels: int = MAX_FILE_PIXELS,
    timeout_s: float = TIMEOUT_S,
    seen_pixels: int | None = None,
) -> Picture:
    """Return one upright RGB `Picture` of `source`.

    `page` is the page of a PDF, or the frame of an animated picture, from 1; `dpi` is the resolution of a PDF page.
    `timeout_s` limits a download as a whole, and the drawing of a PDF page.
    With `seen_pixels`, the result is already at the size of `seen(max_pixels=seen_pixels)`, to save memory.
    Raises `BadInput` if the source is missing, broken, too large, too slow, or not a picture.

    >>> import numpy as np
    >>> load(np.zeros((20, 30), np.uint8))
    <Picture the array: 30 x 20 px>
    """
    if isinstance(source, Picture):
        return source
    frames = pages(source, dpi=dpi, max_bytes=max_bytes, max_pixels=max_pixels, timeout_s=timeout_s)
    if not isinstance(page, int) or page not in range(1, len(frames) + 1):
        count = f"{len(frames)} page{'s' * (len(frames) > 1)}"
        raise BadInput(f"{frames.name} has {count}; page {page!r} does not exist. Pages count from 1.")
    picture = frames[page - 1]
    return picture if seen_pixels is None else picture.seen(max_pixels=seen_pixels)


def pages(
    source: Source,
    *,
    dpi: int = DPI,
    max_bytes: int = MAX_FILE_BYTES,
    max_pixels: int = MAX_FILE_PIXELS,
    timeout_s: float = TIMEOUT_S,
) -> Pages:
    """Return all pages of a PDF, or all frames of a picture, as a sequence of `Picture`, each decoded when it is used.

    A `Picture`, a Pillow image or an array has one page. Raises `BadInput` as `load` does.
    """
    from vlnb.images.decode import Pages, open_pages

    if picture := _in_memory(source, max_pixels):
        return Pages(picture.source, 1, lambda _: picture)
    data, name = as_bytes(source, max_bytes=max_bytes, timeout_s=timeout_s)
    return open_pages(data, name, dpi=dpi, max_pixels=max_pixels, timeout_s=timeout_s)


def _in_memory(source: Source, max_pixels: int) -> Picture | None:
    """Return the picture of a Pillow image, a numpy array or a loaded `Picture`; None for anything else."""
    if isinstance(source, Picture):
        return source
    classes = {f"{base.__module__}.{base.__name__}" for base in type(source).__mro__}  # imports neither library
    if "PIL.Image.Image" in classes:
        from vlnb.images.decode import copy_of

        name = str(getattr(source, "filename", "") or f"the {source.mode} image")
        return copy_of(source, name, max_pixels=max_pixels)
    if "numpy.ndarray" in classes:
        from vlnb.images.decode import from_pil
        from vlnb.images.sources import from_array

        return from_pil(from_array(source, "the array", max_pixels=max_pixels), "the array")
    return None


def as_bytes(source: Source, *, max_bytes: int = MAX_FILE_BYTES, timeout_s: float = TIMEOUT_S) -> tuple[bytes, str]:
    """Return (bytes, name) of a file, an address, an upload, or bytes in memory. Raises `BadInput`."""
    from vlnb.images import sources

    if isinstance(source, str):
        return sources.from_text(source, max_bytes=max_bytes, timeout_s=timeout_s)
    if isinstance(source, Path):
        return sources.from_path(source, max_bytes=max_bytes)
    if isinstance(source, bytes | bytearray | memoryview):
        return sources.limited(bytes(source), "the picture in memory", max_bytes), "the picture in memory"
    if (upload := sources.from_upload(source)) is not None:
        return sources.limited(*upload, max_bytes), upload[1]
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "the open file"))
        return sources.from_stream(source, name, max_bytes=max_bytes), name
    raise BadInput(
        f"{type(source).__name__} is neither a file nor an address: pass a path, an address, bytes, an open file or an"
        " upload. For a picture, a Pillow image or a numpy array works, too."
    )
