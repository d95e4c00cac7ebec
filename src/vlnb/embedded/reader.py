"""Reading a picture on the CPU: RapidOCR, tiled so that large and long pictures lose nothing and memory is bounded."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vlnb.embedded import ink
from vlnb.embedded.page import Line, Page, Segment, reading_order

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Array = np.ndarray[Any, Any]

TILE_PX = 1600  # side of a tile, in pixels of the picture
OVERLAP_PX = 96  # more than a line of text is high, so that each line is whole in one tile
DETECT_PX = 960  # a tile is brought to this side before text is looked for
SMALL_PX = 14  # height of a box, in pixels of the shrunken whole: what is smaller is looked at closely
CONTRAST = 45  # of 255, against the 41 x 41 pixels around: letters, and not the grain of the paper
MIN_INK_PIXELS = 60  # about two small letters
WORD_GAP = 0.8  # of the height of the text: a wider gap parts a label from its value, or two columns
MIN_SCORE = 0.5  # below it, what was recognised is noise more often than text


class Stopped(Exception):  # noqa: N818 - not an error: the client hung up
    """Reading was stopped because nobody waits for it any more."""


class Reader:
    """Reads text. Loads its models (30 MB, inside the installed package) when it first reads.

    One picture at a time: the models use all cores. Others wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ocr: Any = None

    def warm_up(self) -> None:
        """Load the models, so that the first request need not wait for them."""
        import numpy as np

        with self._lock:
            blank = np.full((64, 320, 3), 255, np.uint8)
            self._detect(blank)
            self._models().recognize_txt([blank])

    def read(self, image: Image.Image, *, stop: Callable[[], bool] = lambda: False) -> Page:
        """Return the whole page. Raises `Stopped` soon after `stop()` turns true."""
        return Page(image.size, tuple(self.lines(image, stop=stop)))

    def lines(self, image: Image.Image, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Line]:
        """Yield the lines of an RGB picture in reading order, each as soon as it is recognised."""
        import cv2
        import numpy as np

        bgr = np.array(image)
        cv2.cvtColor(bgr, cv2.COLOR_RGB2BGR, dst=bgr)  # in place: a large picture should not be in memory three times
        with self._lock:
            quads = self._find(bgr, stop)
            for row in reading_order([quad.tolist() for quad in quads]):
                if stop():
                    raise Stopped
                segments = self._recognise(bgr, [quads[i] for i in row])
                if segments:
                    yield Line(tuple(together(segments)))

    def _models(self) -> Any:  # noqa: ANN401 - the library has no types
        if self._ocr is None:
            # It imports requests, whose urllib3 warns of what nobody here needs, amid a person's output.
            warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
            from rapidocr import RapidOCR

            logging.getLogger("RapidOCR").setLevel(logging.ERROR)
            self._ocr = RapidOCR(
                params={
                    "Global.log_level": "error",
                    "Global.return_word_box": True,
                    "Det.limit_type": "max",
                    "Det.limit_side_len": DETECT_PX,
                    "Rec.rec_img_shape": [
                        3,
                        48,
                        96,
                    ],  # short texts are padded to 96 columns, not to 320: a third faster
                }
            )
        return self._ocr

    def _detect(self, bgr: Array) -> list[Array]:
        """Return the corners of the runs of text that are legible when `bgr` is brought to `DETECT_PX`."""
        found = self._models()(bgr, use_det=True, use_cls=False, use_rec=False).boxes
        return [] if found is None else list(found)

    def _find(self, bgr: Array, stop: Callable[[], bool]) -> list[Array]:
        """Return the corners of all runs of text.

        A picture larger than a tile is first looked at as a whole. That finds all large text, in a tenth of the time;
        only the tiles where ink is left over, or where what was found is small, are then looked at closely.
        """
        import numpy as np

        height, width = bgr.shape[:2]
        whole = self._detect(bgr)
        if max(width, height) <= TILE_PX:
            return whole
        scale = DETECT_PX / max(width, height)
        close = [tile for tile in tiles(width, height) if _needs_a_closer_look(bgr, tile, whole, scale)]
        # What lies in such tiles alone is found anew; the rest, and lines that reach into them, stay.
        distant = [tile for tile in tiles(width, height) if tile not in close]
        pieces = [[quad for quad in whole if any(_touches(quad, tile) for tile in distant)]]
        for left, top, right, bottom in close:
            if stop():
                raise Stopped
            pieces.append([quad + np.array([left, top]) for quad in self._detect(bgr[top:bottom, left:right])])
        return join(pieces)

    def _recognise(self, bgr: Array, quads: Sequence[Array]) -> list[Segment]:
        ocr = self._models()
        crops = ocr.crop_text_regions(bgr, quads)
        result = ocr.recognize_txt(crops)
        segments = []
        for quad, crop, text, score, chars in zip(
            quads, crops, result.txts, result.scores, result.word_results, strict=True
        ):
            if text.strip() and score >= MIN_SCORE:
                segments.append(ink.segment(bgr, quad, crop, text.strip(), score, ink.centres(chars, crop.shape[1])))
        return segments


def _needs_a_closer_look(bgr: Array, tile: tuple[int, int, int, int], whole: Sequence[Array], scale: float) -> bool:
    """Whether a tile has ink outside the boxes found in the `whole` picture, or boxes too small to trust.

    Ink is what differs from its surroundings as letters do from paper; noise, shadow and folds are fainter.
    """
    import cv2
    import numpy as np

    left, top, right, bottom = tile
    inside = [quad for quad in whole if _touches(quad, tile)]
    if any(np.linalg.norm(quad[3] - quad[0]) * scale < SMALL_PX for quad in inside):
        return True
    grey = cv2.cvtColor(bgr[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    ink_mask = cv2.absdiff(grey, cv2.blur(grey, (41, 41))) > CONTRAST
    for quad in inside:
        x1, y1 = np.maximum(quad.min(0) - (left, top), 0).astype(int)
        x2, y2 = (quad.max(0) - (left, top)).astype(int) + 1
        ink_mask[y1:y2, x1:x2] = False
    return int(np.count_nonzero(ink_mask)) > MIN_INK_PIXELS


def _touches(quad: Array, tile: tuple[int, int, int, int]) -> bool:
    return bool((quad.min(0) < tile[2:]).all() and (quad.max(0) > tile[:2]).all())


def together(segments: Sequence[Segment]) -> list[Segment]:
    """Join neighbours on a line that stand no further apart than words do: the detector cuts some phrases in two."""
    joined = list(segments[:1])
    for right in segments[1:]:
        left = joined[-1]
        height = min(left.box[3] - left.box[1], right.box[3] - right.box[1])
        if right.box[0] - left.box[2] >= WORD_GAP * height:
            joined.append(right)
            continue
        box = (left.box[0], min(left.box[1], right.box[1]), right.box[2], max(left.box[3], right.box[3]))
        text, score = f"{left.text} {right.text}", min(left.score, right.score)
        joined[-1] = Segment(text, score, box, left.words + right.words)
    return joined


def tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (left, top, right, bottom) of even tiles of at most `TILE_PX` that overlap and cover the picture."""
    for top, bottom in _cuts(height):
        for left, right in _cuts(width):
            yield left, top, right, bottom


def _cuts(length: int) -> list[tuple[int, int]]:
    if length <= TILE_PX:
        return [(0, length)]
    count = math.ceil((length - OVERLAP_PX) / (TILE_PX - OVERLAP_PX))
    step = (length - OVERLAP_PX) / count
    return [(round(i * step), min(length, round(i * step + step + OVERLAP_PX))) for i in range(count)]


def join(pieces: Sequence[Sequence[Array]]) -> list[Array]:
    """Join the boxes of several tiles: what two tiles saw of one line becomes one box around both parts."""
    import numpy as np

    joined: list[tuple[int, Array]] = []  # (tile, corners)
    for number, quads in enumerate(pieces):
        for new in quads:
            quad = np.asarray(new, dtype=np.float32)
            for k in reversed(range(len(joined))):
                if joined[k][0] != number and _same_line(joined[k][1], quad):
                    quad = _around(joined.pop(k)[1], quad)
            joined.append((number, quad))
    return [quad for _, quad in joined]


def _same_line(a: Array, b: Array) -> bool:
    (ax1, ay1), (ax2, ay2), (bx1, by1), (bx2, by2) = a.min(0), a.max(0), b.min(0), b.max(0)
    shared = min(ay2, by2) - max(ay1, by1)
    return bool(min(ax2, bx2) >= max(ax1, bx1) and shared > 0.6 * min(ay2 - ay1, by2 - by1))


def _around(a: Array, b: Array) -> Array:
    """Return the smallest turned rectangle around two boxes, its corners from the top left on."""
    import cv2
    import numpy as np

    corners = cv2.boxPoints(cv2.minAreaRect(np.concatenate([a, b])))
    corners = corners[np.argsort(corners[:, 0])]
    (top_left, bottom_left), (top_right, bottom_right) = (
        side[np.argsort(side[:, 1])] for side in (corners[:2], corners[2:])
    )
    return np.array([top_left, top_right, bottom_right, bottom_left], dtype=np.float32)
