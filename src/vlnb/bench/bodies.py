"""Request bodies as bytes: built before the clock starts, and kept in a file, so that they need little memory."""

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

JPEG_QUALITY = 85  # as in sglang.bench_serving
_CACHED = 32  # of the user's pictures, kept in memory as data URIs
_MARK = "@picture@"
_OPTIONAL = {"stream_options": {"include_usage": True}, "ignore_eos": True}


def make(
    workload: Workload, model: str, requests: Sequence[int], *, progress: Callable[[int], None] = lambda _: None
) -> dict[int, memoryview]:
    """Build the bodies of `requests` and return them by id, as views into a memory-mapped temporary file.

    Each lacks its `ending`, which depends on what the server accepts. A request has the same body in every run of the
    workload. `progress` gets the number of bodies built so far.

    Raises:
        BadInput: the disk is full, or a picture cannot be read.
    """
    inputs, outputs = lengths(workload)
    words = texts(workload, inputs)
    picture = _pictures(workload)
    sizes: list[int] = []

    def body(request: int) -> bytes:
        number = request % workload.prompts  # the warm-up is an extra request, with other pictures
        text, *rest = _frame(workload, model, words[number], outputs[number])
        return b"".join([text, *(part for i, tail in enumerate(rest) for part in (picture(request, i), tail))])

    cores = os.cpu_count() or 1
    try:
        with tempfile.TemporaryFile(prefix="vlnb-bench-") as file, ThreadPoolExecutor(cores) as pool:
            for start in range(0, len(requests), 4 * cores):  # a few at a time, to limit the memory
                for data in pool.map(body, requests[start : start + 4 * cores]):
                    sizes.append(file.write(data))
                    progress(len(sizes))
            file.flush()
            # Load the pages now if the system can: page faults while sending would count as TTFT.
            flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
            mapped = memoryview(mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ))
    except OSError as error:
        raise BadInput(
            f"The pictures of the benchmark do not fit into {tempfile.gettempdir()} ({error.strerror}). Make room, set"
            " TMPDIR to a larger disk, or use fewer or smaller pictures."
        ) from error
    ends = itertools.accumulate(sizes)
    return {request: mapped[end - size : end] for request, size, end in zip(requests, sizes, ends, strict=True)}


def _frame(workload: Workload, model: str, text: str, output_len: int) -> list[bytes]:
    """Return the body without its `ending`, split where the pictures belong."""
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
    """Return the end of every body: the fields that a server may refuse, except those in `without`.

    >>> ending(without={"stream_options"})
    b', "ignore_eos": true}'
    """
    kept = {name: value for name, value in _OPTIONAL.items() if name not in without}
    return b"".join(f', "{name}": {json.dumps(value)}'.encode() for name, value in kept.items()) + b"}"


def _pictures(workload: Workload) -> Callable[[int, int], bytes]:
    """Return a function (request, i) that returns the data URI of picture `i` of a request."""
    if workload.picture == "noise":
        return _noise(workload)
    if workload.picture == "blank":
        from PIL import Image

        only = _uri(Image.new("RGB", workload.size, "white"))
        return lambda request, i: only  # noqa: ARG005
    return _files(workload)


def _files(workload: Workload) -> Callable[[int, int], bytes]:
    """Use the user's picture, or those of a folder in turn. Raises `BadInput` for an empty folder."""
    folder = Path(workload.picture)
    sources: list[str | Path] = [workload.picture]  # as given: a URL is not a path
    if folder.is_dir():
        sources = sorted(path for path in folder.iterdir() if path.suffix.lower() in images.SUFFIXES)
    if not sources:
        raise BadInput(f"The folder {folder} contains no picture ({', '.join(images.SUFFIXES)}).")

    @functools.lru_cache(maxsize=_CACHED)
    def uri(index: int) -> bytes:
        return images.data_uri(images.load(sources[index], seen_pixels=images.MAX_PIXELS).seen()).encode()

    return lambda request, i: uri((request * workload.images + i) % len(sources))


def _noise(workload: Workload) -> Callable[[int, int], bytes]:
    """Make a different noise picture for each request and `i`: crops of one large field at different places."""
    import numpy as np
    from PIL import Image

    width, height = workload.size
    shape = (height + _SPREAD, width + _SPREAD, 3)
    field = Image.fromarray(np.random.default_rng(workload.seed).integers(0, 256, shape, np.uint8))

    def crop(request: int, i: int) -> bytes:
        place = (request * workload.images + i) * _STRIDE % (_SPREAD * _SPREAD)
        x, y = place % _SPREAD, place // _SPREAD
        return _uri(field.crop((x, y, x + width, y + height)))

    return crop


_SPREAD = 256  # the crops shift by up to so many pixels, across and down: 65,536 places
_STRIDE = 40_503  # odd, so that every place occurs once before any occurs twice


def _uri(image: Any) -> bytes:  # noqa: ANN401 - a Pillow image
    # Save to a file: only then does Pillow release the GIL while it encodes.
    with tempfile.TemporaryFile(prefix="vlnb-bench-") as file:
        image.save(file, "JPEG", quality=JPEG_QUALITY)
        file.seek(0)
        return b"data:image/jpeg;base64," + base64.b64encode(file.read())
