"""Reading a picture on the CPU with RapidOCR.

Text is found on a copy of bounded size, which bounds time and memory, and recognised in the picture itself.
"""

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

DETECT_PIXELS = 1_400_000  # of the copy: it finds letters of 20 pixels on a page of 12 megapixels
_NO_LIMIT = 1 << 16  # pixels of a side: the library's own limits would shrink a long picture too far
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
        with self._lock:
            self._models()

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
            quads = self._detect(bgr)
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
                    "Global.max_side_len": _NO_LIMIT,
                    "Det.limit_type": "max",
                    "Det.limit_side_len": _NO_LIMIT,
                    "Rec.rec_img_shape": _PADDED,
                }
            )
        return self._ocr

    def _detect(self, bgr: Array) -> list[Array]:
        """Return the corners of the runs of text, each of shape (4, 2), in pixels."""
        import cv2

        scale = min(1.0, math.sqrt(DETECT_PIXELS / (bgr.shape[0] * bgr.shape[1])))
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
        found = self._models()(small, use_det=True, use_cls=False, use_rec=False).boxes
        return [] if found is None else list(found / scale)

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
