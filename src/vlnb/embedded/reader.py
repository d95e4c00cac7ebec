"""Reads a picture on the CPU with RapidOCR.

Text is detected on a copy of limited size, which limits time and memory, and recognised in the picture itself.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from vlnb.embedded import ink
from vlnb.embedded.page import Line, Page, Segment, Word, around, reading_order

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Array = np.ndarray[Any, Any]

DETECT_PIXELS = 1_250_000  # of the copy: enough to find letters of 22 pixels on a page of 12 megapixels
_NO_LIMIT = 1 << 16  # pixels of a side: the library's own limit would shrink a long picture too far
WORD_GAP = 0.8  # of the height of the text: a wider gap separates a label from its value, or two columns
MIN_SCORE = 0.5  # text with a lower score is usually noise
SURE = 0.9  # upright printed text has a higher score, text read upside down a lower one
_BETTER = 0.1  # least gain in score for a text to count as upside down
_PROBES = 3  # runs of text that tell the rotation of the page
_TALL = 1.5  # times as high as wide: the library turns such a box a quarter to the left before it reads it
_MAX_PAGES = 32  # that it remembers: a second question about a picture needs no second reading
_PADDED = [3, 48, 96]  # pads short texts to 96 columns instead of 320, which is a third faster


class Stopped(Exception):  # noqa: N818 - the client disconnected, which is not an error
    """The reader stopped because no client waits for the answer."""


class Reader:
    """Reads text. It loads its models (30 MB, part of the installed package) with the first picture.

    It reads one picture at a time, because the models use all cores, and remembers the last pages.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ocr: Any = None
        self._pages: dict[object, tuple[Line, ...]] = {}

    def warm_up(self) -> None:
        """Load the models, so that the first request does not wait for them: RapidOCR loads each at its first use."""
        import numpy as np

        blank = np.zeros((_PADDED[1], _PADDED[2], 3), np.uint8)
        with self._lock:
            self._detect(blank)
            self._read_crops([blank])

    def read(self, image: Image.Image, *, stop: Callable[[], bool] = lambda: False) -> Page:
        """Return the whole page. Raises `Stopped` soon after `stop()` turns true."""
        return Page(image.size, tuple(self.lines(image, stop=stop)))

    def lines(self, image: Image.Image, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Line]:
        """Yield the lines of an RGB picture in reading order, each as soon as it is recognised."""
        import cv2
        import numpy as np

        bgr = np.array(image)
        cv2.cvtColor(bgr, cv2.COLOR_RGB2BGR, dst=bgr)  # in place, because a large picture takes much memory
        key = bgr.shape, hashlib.sha256(bgr.data).digest()
        with self._lock:
            if key in self._pages:
                yield from self._pages[key]
                return
            lines = []
            for line in self._new_lines(bgr, stop):
                lines.append(line)
                yield line
            if lines:  # a benchmark's noise has none, and every run of it must take its time
                self._pages[key] = tuple(lines)
                if len(self._pages) > _MAX_PAGES:
                    del self._pages[next(iter(self._pages))]

    def _new_lines(self, bgr: Array, stop: Callable[[], bool]) -> Iterator[Line]:
        import numpy as np

        quads = self._detect(bgr)
        longest = sorted(range(len(quads)), key=lambda i: -max(_sides(quads[i])))[:_PROBES]
        readings = dict(zip(longest, self._recognise(bgr, [quads[i] for i in longest]), strict=True))
        turns = _turns(quads, list(readings.values()))
        if turns:
            quads, readings = [np.roll(quad, -turns, axis=0) for quad in quads], {}
        for row in reading_order([_turned(quad, bgr.shape[1::-1], turns).tolist() for quad in quads]):
            if stop():
                raise Stopped
            new = [i for i in row if i not in readings]
            readings |= zip(new, self._recognise(bgr, [quads[i] for i in new], margin=turns == 1), strict=True)
            pairs = [(quads[i], readings.pop(i)) for i in row]
            segments = [_segment(bgr, *pair, upright=not turns) for pair in pairs if pair[1].score >= MIN_SCORE]
            if segments:
                yield Line(tuple(segments if turns else join_close(segments)))

    def _models(self) -> Any:  # noqa: ANN401 - the library has no types
        if self._ocr is None:
            # It imports requests, whose urllib3 prints an irrelevant warning about SOCKS.
            warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
            from rapidocr import RapidOCR
            from rapidocr.inference_engine.onnxruntime import main as sessions

            logging.getLogger("RapidOCR").setLevel(logging.ERROR)
            sessions.SessionOptions = _session_options  # type: ignore[attr-defined]  # RapidOCR has no setting for it
            self._ocr = RapidOCR(
                params={
                    "Global.log_level": "error",
                    "Global.return_word_box": True,
                    "Global.max_side_len": _NO_LIMIT,
                    "Det.limit_type": "max",
                    "Det.limit_side_len": _NO_LIMIT,
                    "Rec.rec_img_shape": _PADDED,
                }
            )
        return self._ocr

    def _detect(self, bgr: Array) -> list[Array]:
        """Return the corners of each run of text, in pixels. Shape (4, 2)."""
        import cv2

        scale = min(1.0, math.sqrt(DETECT_PIXELS / (bgr.shape[0] * bgr.shape[1])))
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
        boxes = self._models()(small, use_det=True, use_cls=False, use_rec=False).boxes
        return [] if boxes is None else list(boxes / scale)

    def _recognise(self, bgr: Array, quads: Sequence[Array], *, margin: bool = False) -> list[_Reading]:
        """Read runs of text; read those with a low score upside down too, and keep the better reading."""
        import numpy as np

        if not quads:
            return []
        crops = self._models().crop_text_regions(bgr, quads)
        if margin:  # small letters at the edge of a column of Japanese need a margin
            margins = [max(1, crop.shape[0] // 8) for crop in crops]
            crops = [np.pad(crop, ((m, m), (m, m), (0, 0)), "edge") for crop, m in zip(crops, margins, strict=True)]
        readings = self._read_crops(crops)
        unsure = [i for i, reading in enumerate(readings) if reading.score < SURE]
        again = self._read_crops([crops[i][::-1, ::-1].copy() for i in unsure]) if unsure else []
        for i, reading in zip(unsure, again, strict=True):
            if reading.score >= max(SURE, readings[i].score + _BETTER):
                readings[i] = replace(reading, upside_down=True)
        return readings

    def _read_crops(self, crops: Sequence[Array]) -> list[_Reading]:
        result = self._models().recognize_txt(crops)
        read = zip(crops, result.txts, result.scores, result.word_results, strict=True)
        return [
            _Reading(crop, text.strip(), score * bool(text.strip()), _centres(chars, crop.shape[1]))
            for crop, text, score, chars in read
        ]


def _session_options() -> Any:  # noqa: ANN401 - onnxruntime's options
    """Return options whose threads sleep while they wait: spinning, they take the cores from Jupyter and Chromium."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


@functools.cache
def shared() -> Reader:
    """Return the reader of this process: two of them would load the models twice (300 MB)."""
    return Reader()


@dataclass(frozen=True)
class _Reading:
    """Text as recognised in `crop`, its score (0 to 1), and the centres of its letters in pixels of the crop."""

    crop: Array
    text: str
    score: float
    centres: list[float]
    upside_down: bool = False


def _segment(bgr: Array, quad: Array, reading: _Reading, *, upright: bool) -> Segment:
    segment = ink.segment(bgr, quad, reading.crop, reading.text, reading.centres)
    words = segment.words if upright and not reading.upside_down else (Word(segment.text, segment.box),)
    return replace(segment, words=words, score=reading.score)


def _centres(chars: Any, width: int) -> list[float]:  # noqa: ANN401 - RapidOCR's WordInfo
    """Return the centre of each letter in a crop of `width` pixels, without spaces."""
    return [(column + 0.5) / chars.line_txt_len * width for word in chars.word_cols for column in word]


def _sides(quad: Array) -> tuple[float, float]:
    return math.dist(quad[0], quad[1]), math.dist(quad[0], quad[3])


def _turns(quads: Sequence[Array], probes: Sequence[_Reading]) -> int:
    """Return how many quarter turns to the left set a page upright.

    On a page that lies on its side, most text is in tall boxes. So are columns of Japanese: turned, their lines are in
    order, from right to left.
    """
    upside_down = sum(probe.upside_down for probe in probes) > len(probes) / 2
    sides = [_sides(quad) for quad in quads]
    tall = [high for wide, high in sides if high >= _TALL * wide]
    other = [max(wide, high) for wide, high in sides if high < _TALL * wide]
    long = sum(wide >= _TALL * high for wide, high in sides)
    words = any(high >= 2 * _TALL * wide for wide, high in sides)  # single digits are in tall boxes too
    if not words or len(tall) <= long or sum(tall) <= sum(other):
        return 2 if upside_down else 0
    if upside_down:
        return 3
    return int(median(probe.score for probe in probes) >= SURE)


def _turned(points: Array, size: tuple[int, int], turns: int) -> Array:
    """Return points (x, y) of a picture of `size` (width, height) after quarter turns to the left."""
    import numpy as np

    for _ in range(turns):
        points, size = np.stack([points[:, 1], size[0] - points[:, 0]], axis=1), size[::-1]
    return points


def join_close(segments: Sequence[Segment]) -> list[Segment]:
    """Join neighbours on a line that are as close as words, because the detector splits some phrases."""
    joined = list(segments[:1])
    for right in segments[1:]:
        left = joined[-1]
        height = min(left.box[3] - left.box[1], right.box[3] - right.box[1])
        if right.box[0] - left.box[2] >= WORD_GAP * height:
            joined.append(right)
        else:
            text = f"{left.text} {right.text}"
            box, score = around([left.box, right.box]), min(left.score, right.score)
            joined[-1] = Segment(text, box, left.words + right.words, score)
    return joined
