"""Reading a picture on the CPU with RapidOCR, in tiles, so that large pictures lose nothing and memory is bounded."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vlnb.embedded import ink
from vlnb.embedded.page import Line, Page, Segment, around, reading_order

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Array = np.ndarray[Any, Any]

TILE_PX = 1600  # side of a tile, in pixels of the picture
OVERLAP_PX = 96  # more than the height of a line of text, so that each line is whole in one tile
DETECT_PX = 960  # the detector sees a tile at this side
SMALL_PX = 14  # height of a box in the shrunken whole picture: smaller text needs a closer look
CONTRAST = 45  # of 255, against the 41 x 41 pixels around: letters have more, the grain of paper less
MIN_INK_PIXELS = 60  # about two small letters
WORD_GAP = 0.8  # of the height of the text: a wider gap separates a label from its value, or two columns
MIN_SCORE = 0.5  # text with a lower score is noise more often than not
_PADDED = [3, 48, 96]  # short texts are padded to 96 columns instead of 320, which is a third faster


class Stopped(Exception):  # noqa: N818 - the client hung up, which is no error
    """The reading was stopped because no client waits for it."""


class Reader:
    """Reads text. It loads its models (30 MB, inside the installed package) with the first picture.

    It reads one picture at a time, because the models use all cores.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ocr: Any = None

    def warm_up(self) -> None:
        """Load the models, so that the first request does not wait for them."""
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
        cv2.cvtColor(bgr, cv2.COLOR_RGB2BGR, dst=bgr)  # in place, because a large picture takes much memory
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
            # It imports requests, whose urllib3 prints a warning about SOCKS that does not matter here.
            warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
            from rapidocr import RapidOCR

            logging.getLogger("RapidOCR").setLevel(logging.ERROR)
            self._ocr = RapidOCR(
                params={
                    "Global.log_level": "error",
                    "Global.return_word_box": True,
                    "Det.limit_type": "max",
                    "Det.limit_side_len": DETECT_PX,
                    "Rec.rec_img_shape": _PADDED,
                }
            )
        return self._ocr

    def _detect(self, bgr: Array) -> list[Array]:
        """Return the corners of the runs of text that are legible when `bgr` is brought to `DETECT_PX`."""
        found = self._models()(bgr, use_det=True, use_cls=False, use_rec=False).boxes
        return [] if found is None else list(found)

    def _find(self, bgr: Array, stop: Callable[[], bool]) -> list[Array]:
        """Return the corners of all runs of text.

        The detector first sees a large picture as a whole, which finds all large text in a tenth of the time. It then
        looks closely only at the tiles that have ink left over, or small text.
        """
        import numpy as np

        height, width = bgr.shape[:2]
        whole = self._detect(bgr)
        if max(width, height) <= TILE_PX:
            return whole
        scale = DETECT_PX / max(width, height)
        close = [tile for tile in tiles(width, height) if _needs_a_closer_look(bgr, tile, whole, scale)]
        # Text that lies only in such tiles is found again; other text, and lines that reach into the tiles, are kept.
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
        read = zip(quads, crops, result.txts, result.scores, result.word_results, strict=True)
        return [
            ink.segment(bgr, quad, crop, text.strip(), _centres(chars, crop.shape[1]))
            for quad, crop, text, score, chars in read
            if text.strip() and score >= MIN_SCORE
        ]


def _centres(chars: Any, width: int) -> list[float]:  # noqa: ANN401 - RapidOCR's WordInfo
    """Return the centre of each letter in a crop of `width` pixels, without spaces."""
    return [(column + 0.5) / chars.line_txt_len * width for word in chars.word_cols for column in word]


def _needs_a_closer_look(bgr: Array, tile: tuple[int, int, int, int], whole: Sequence[Array], scale: float) -> bool:
    """Whether a tile has ink outside the boxes found in the `whole` picture, or boxes too small to trust.

    Ink stands out from its surroundings as letters do from paper; noise, shadows and folds are fainter.
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
    """Join neighbours on a line that are as close as words, because the detector cuts some phrases in two."""
    joined = list(segments[:1])
    for right in segments[1:]:
        left = joined[-1]
        height = min(left.box[3] - left.box[1], right.box[3] - right.box[1])
        if right.box[0] - left.box[2] >= WORD_GAP * height:
            joined.append(right)
        else:
            text = f"{left.text} {right.text}"
            joined[-1] = Segment(text, around([left.box, right.box]), left.words + right.words)
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
    """Join the boxes of several tiles: two parts of one line from different tiles become one box."""
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
