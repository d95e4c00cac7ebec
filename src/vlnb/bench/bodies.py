"""Request bodies as bytes: made before the clock starts, and kept in a file so that memory does not grow with them."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import mmap
import os
import tempfile
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vlnb import images
from vlnb.bench.workload import Workload, lengths, texts
from vlnb.errors import BadInput

JPEG_QUALITY = 85  # as sglang.bench_serving
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif")
_CACHED = 32  # pictures of the user, kept in memory ready to be sent
_MARK = "@picture@"
_OPTIONAL = {"stream_options": {"include_usage": True}, "ignore_eos": True}


def make(
    workload: Workload, model: str, wanted: Sequence[int], *, progress: Callable[[int], None] = lambda _: None
) -> dict[int, memoryview]:
    """Make the bodies of the requests `wanted`, and return them by their id, as views into a mapped temporary file.

    Each lacks its `ending`, which depends on what the server accepts. A request has the same body in every run of the
    workload. `progress` gets the number of bodies made so far.

    Raises:
        BadInput: the disk is full, or a picture cannot be read.
    """
    inputs, outputs = lengths(workload)
    words = texts(workload, inputs)
    picture = _pictures(workload)
    sizes: list[int] = []

    def body(request: int) -> bytes:
        which = request % workload.prompts  # the warm-up is an extra request, with pictures of its own
        text, *rest = _frame(workload, model, words[which], outputs[which])
        return b"".join([text, *(part for i, more in enumerate(rest) for part in (picture(request, i), more))])

    cores = os.cpu_count() or 1
    try:
        with tempfile.TemporaryFile(prefix="vlnb-bench-") as file, ThreadPoolExecutor(cores) as pool:
            for start in range(0, len(wanted), 4 * cores):  # a few at a time: memory must not hold them all
                for data in pool.map(body, wanted[start : start + 4 * cores]):
                    sizes.append(file.write(data))
                    progress(len(sizes))
            file.flush()
            # Populated at once where the system can: page faults while sending would count as time to first token.
            flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
            whole = memoryview(mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ))
    except OSError as error:
        raise BadInput(
            f"The pictures of the benchmark do not fit into {tempfile.gettempdir()} ({error.strerror}). Make room, set"
            " TMPDIR to a larger disk, or use fewer or smaller pictures."
        ) from error
    ends = itertools.accumulate(sizes)
    return {request: whole[end - size : end] for request, size, end in zip(wanted, sizes, ends, strict=True)}


def _frame(workload: Workload, model: str, text: str, output_len: int) -> list[bytes]:
    """Return the body, split at the places where its pictures belong, up to what `ending` returns."""
    content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _MARK}}] * workload.images
    request = {
        "model": model,
        "messages": [{"role": "user", "content": [*content, {"type": "text", "text": text}]}],
        "temperature": 0.0,
        "max_tokens": output_len,
        "stream": True,
    }
    return json.dumps(request)[:-1].encode().split(_MARK.encode())


def ending(without: Container[str] = ()) -> bytes:
    """Return how every body ends: with the fields that a server may refuse, apart from those in `without`.

    >>> ending(without={"stream_options"})
    b', "ignore_eos": true}'
    """
    kept = {name: value for name, value in _OPTIONAL.items() if name not in without}
    return b"".join(f', "{name}": {json.dumps(value)}'.encode() for name, value in kept.items()) + b"}"


def _pictures(workload: Workload) -> Callable[[int, int], bytes]:
    """Return a function (request, i) that makes the data URI of picture `i` of a request."""
    if workload.picture == "noise":
        return _noise(workload)
    if workload.picture == "blank":
        from PIL import Image

        only = _uri(Image.new("RGB", workload.size, "white"))
        return lambda request, i: only  # noqa: ARG005
    return _files(workload)


def _files(workload: Workload) -> Callable[[int, int], bytes]:
    """Use the user's picture, or those of a folder in turn. Raises `BadInput` if there is none."""
    folder = Path(workload.picture)
    sources: list[str | Path] = [workload.picture]  # as given: a URL is not a path
    if folder.is_dir():
        sources = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not sources:
        raise BadInput(f"The folder {folder} contains no picture ({', '.join(_SUFFIXES)}).")

    @functools.lru_cache(maxsize=_CACHED)
    def uri(which: int) -> bytes:
        return images.data_uri(images.load(sources[which], seen_pixels=images.MAX_PIXELS).seen()).encode()

    return lambda request, i: uri((request * max(1, workload.images) + i) % len(sources))


def _noise(workload: Workload) -> Callable[[int, int], bytes]:
    """Make noise, different for each request and picture: crops of one large field, each at its own place."""
    import numpy as np
    from PIL import Image

    width, height = workload.size
    shape = (height + _SPREAD, width + _SPREAD, 3)
    field = Image.fromarray(np.random.default_rng(workload.seed).integers(0, 256, shape, np.uint8))

    def one(request: int, i: int) -> bytes:
        place = (request * max(1, workload.images) + i) * _STRIDE % (_SPREAD * _SPREAD)
        x, y = place % _SPREAD, place // _SPREAD
        return _uri(field.crop((x, y, x + width, y + height)))

    return one


_SPREAD = 256  # pixels by which the crops are shifted, across and down: 65,536 places
_STRIDE = 40_503  # odd, so that every place is used once before any is used twice


def _uri(image: Any) -> bytes:  # noqa: ANN401 - a Pillow image
    # Into a file, because only then does Pillow let other threads run while it encodes.
    with tempfile.TemporaryFile(prefix="vlnb-bench-") as file:
        image.save(file, "JPEG", quality=JPEG_QUALITY)
        file.seek(0)
        return b"data:image/jpeg;base64," + base64.b64encode(file.read())
