"""Request bodies as bytes, made before the clock starts, and kept in a file so that memory does not grow with them."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vlnb import images
from vlnb.bench.workload import Workload, lengths, texts
from vlnb.errors import BadInput

JPEG_QUALITY = 85  # as sglang.bench_serving
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif")
_HELD = 32  # own pictures kept in memory, ready to be sent
_MARK = "@picture@"


class Bodies:
    """The bodies of requests, by their id: `parts(id)` are views into a file that is gone when this is closed."""

    def __init__(self, file: Any, places: dict[int, tuple[int, int]]) -> None:  # noqa: ANN401 - a temporary file
        self._file = file
        # Mapped with its pages, where the system can: faults while sending would count as time to first token.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        self._map = mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ)
        self._view = memoryview(self._map)
        self._places = places

    def of(self, request: int) -> memoryview:
        """Return the body of a request."""
        start, end = self._places[request]
        return self._view[start:end]

    def close(self) -> None:
        """Free the file, and the memory as soon as nothing looks into it any more."""
        self._file.close()
        with contextlib.suppress(BufferError):  # a broken request's traceback may still hold a slice
            self._view.release()
            self._map.close()


def make(
    workload: Workload, model: str, wanted: Sequence[int], *, progress: Callable[[int], None] = lambda _: None
) -> Bodies:
    """Make the bodies of the requests `wanted` (a request has the same body in every run of the workload).

    `progress` is told how many are made. Raises `BadInput` where the disk is full or the own picture cannot be read.
    """
    inputs, outputs = lengths(workload)
    words = texts(workload, inputs)
    picture = _pictures(workload)
    file = tempfile.TemporaryFile(prefix="vlnb-bench-")  # noqa: SIM115 - lives as long as the bodies
    places: dict[int, tuple[int, int]] = {}

    def body(request: int) -> list[bytes]:
        which = request % workload.prompts  # the warm-up is one more, with pictures of its own
        pieces = _frame(workload, model, words[which], outputs[which])
        return [*_woven(pieces, [picture(request, i) for i in range(workload.images)])]

    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for done, (request, pieces) in enumerate(zip(wanted, _ahead(pool, body, wanted), strict=True), 1):
                start = file.tell()
                file.writelines(pieces)
                places[request] = (start, file.tell())
                progress(done)
        file.flush()
    except BaseException as error:  # an own picture that cannot be read, Ctrl-C, a full disk
        file.close()
        if not isinstance(error, OSError):
            raise
        raise BadInput(
            f"The pictures of the benchmark do not fit into {tempfile.gettempdir()} ({error.strerror}): make room,"
            " set TMPDIR to a larger disk, or take fewer or smaller pictures."
        ) from error
    return Bodies(file, places)


def _ahead(
    pool: ThreadPoolExecutor, body: Callable[[int], list[bytes]], wanted: Sequence[int]
) -> Iterator[list[bytes]]:
    """Yield bodies in order, a few being made ahead, so that they are never all in memory."""
    from collections import deque

    running: Any = deque()
    for request in wanted:
        running.append(pool.submit(body, request))
        if len(running) > 2 * (os.cpu_count() or 1):
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _frame(workload: Workload, model: str, text: str, output_len: int) -> list[bytes]:
    """Return the body without its pictures, cut where they belong."""
    content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _MARK}}] * workload.images
    request = {
        "model": model,
        "messages": [{"role": "user", "content": [*content, {"type": "text", "text": text}]}],
        "temperature": 0.0,
        "max_tokens": output_len,
        "stream": True,
        "stream_options": {"include_usage": True},
        "ignore_eos": True,
    }
    return json.dumps(request).encode().split(_MARK.encode())


def _woven(frame: list[bytes], pictures: list[bytes]) -> Iterator[bytes]:
    for piece, picture in zip(frame, pictures, strict=False):
        yield piece
        yield picture
    yield frame[-1]


def _pictures(workload: Workload) -> Callable[[int, int], bytes]:
    """Return the maker of the data URI of picture `i` of a request."""
    if workload.picture == "noise":
        return _noise(workload)
    if workload.picture == "blank":
        from PIL import Image

        only = _uri(Image.new("RGB", workload.size, "white"))
        return lambda request, i: only  # noqa: ARG005
    return _own(workload)


def _own(workload: Workload) -> Callable[[int, int], bytes]:
    """Return a maker that takes one's own picture, or those of a folder in turn. Raises `BadInput` for none."""
    folder = Path(workload.picture)
    sources: list[str | Path] = [workload.picture]  # as it was given: an address is no path
    if folder.is_dir():
        try:
            sources = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
        except OSError as error:
            raise BadInput(f"The folder {folder} cannot be read: {error.strerror}.") from error
    if not sources:
        raise BadInput(f"The folder {folder} holds no picture ({', '.join(_SUFFIXES)}).")

    @functools.lru_cache(maxsize=_HELD)
    def uri(which: int) -> bytes:
        return images.data_uri(images.load(sources[which], seen_pixels=images.MAX_PIXELS).seen()).encode()

    return lambda request, i: uri((request * max(1, workload.images) + i) % len(sources))


def _noise(workload: Workload) -> Callable[[int, int], bytes]:
    """Return a maker of noise, another for each request and picture: cut-outs of one field, each at its own place."""
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


_SPREAD = 256  # pixels by which cut-outs are moved against each other, across and down: 65,536 places
_STRIDE = 40_503  # odd, so that every place is taken once before any comes twice


def _uri(image: Any) -> bytes:  # noqa: ANN401 - a Pillow image
    # Into a file, where Pillow lets other threads run while it encodes; into memory it does not.
    with tempfile.TemporaryFile(prefix="vlnb-bench-") as file:
        image.save(file, "JPEG", quality=JPEG_QUALITY)
        file.seek(0)
        return b"data:image/jpeg;base64," + base64.b64encode(file.read())
