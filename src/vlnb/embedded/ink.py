"""The ink inside a box: tight boxes for segments and words, and spaces that the recogniser missed.

A detector's box is dilated (IoU with the text about 0.6); the ink in it is exact. The recogniser drops spaces between
words set in capitals ("CINNAMONSUGAR"); the ink still shows the gap.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from vlnb.embedded.page import Rect, Segment, Word

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MIN_CONTRAST = 24  # of 255: less is paper, noise, or sky
_INK = 0.4  # of the contrast: where ink begins, halfway up a soft edge
_WORD_GAP = 0.4  # of the height of the ink: a gap between words …
_WORD_GAP_TIMES = 1.8  # … that is also this many times the usual gap between letters
_LIKE_KNOWN = 0.75  # … and at least this share of the narrowest space that was read on the line


def segment(bgr: Array, quad: Array, crop: Array, text: str, score: float, at: list[float]) -> Segment:
    """Return the segment read in `crop` (cut out of `bgr` at `quad`), with its missing spaces and tight boxes.

    `at` are the centres of its letters, in pixels of the crop, spaces left out.
    """
    text = mend_spaces(crop, text, at)
    box = tight(bgr, _rect(quad, bgr.shape))
    return Segment(text, score, box, _words(bgr, box, crop, text, at))


def centres(chars: Any, width: int) -> list[float]:  # noqa: ANN401 - RapidOCR's WordInfo
    """Return where each letter's centre lies in a crop of `width` pixels, spaces left out."""
    if not chars.line_txt_len:
        return []
    return [(column + 0.5) / chars.line_txt_len * width for word in chars.word_cols for column in word]


def mask(crop: Array) -> Array:
    """Return where the ink is: True where a pixel differs from the background at the crop's rim. Shape (h, w)."""
    import numpy as np

    grey = crop.mean(axis=2) if crop.ndim == 3 else crop.astype(float)
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    difference = np.abs(grey - np.median(rim))
    contrast = float(np.percentile(difference, 99))
    ink: Array = difference > max(MIN_CONTRAST, _INK * contrast)
    return ink


def tight(bgr: Array, box: Rect) -> Rect:
    """Return the box of the ink inside `box`; parts of a neighbouring line that reach in are left out."""
    import cv2
    import numpy as np

    left, top, right, bottom = box
    where = mask(bgr[top:bottom, left:right])
    count, _, stats, _ = cv2.connectedComponentsWithStats(where.astype(np.uint8), connectivity=8)
    if count <= 1:
        return box
    height = bottom - top
    y1, h = stats[1:, cv2.CC_STAT_TOP], stats[1:, cv2.CC_STAT_HEIGHT]
    intruder = ((y1 == 0) & (y1 + h < 0.4 * height)) | ((y1 + h == height) & (y1 > 0.6 * height))
    speck = stats[1:, cv2.CC_STAT_AREA] < max(2, (0.05 * height) ** 2)
    kept = stats[1:][~intruder & ~speck]
    if not len(kept):
        return box
    x1, y1, w, h = (kept[:, i] for i in range(4))
    return (
        left + int(x1.min()), top + int(y1.min()), left + int((x1 + w).max()), top + int((y1 + h).max()),
    )  # fmt: skip


def mend_spaces(crop: Array, text: str, at: list[float]) -> str:
    """Put a space where the ink has a gap as wide as one between words, and the text has none.

    `at` are the centres of the letters. Never inside numbers; in doubt the text stays as it is. What this cannot mend
    is a gap no wider than those between letters (very narrow or widely spaced type).
    """
    letters = [char for char in text if not char.isspace()]
    if len(letters) != len(at) or len(letters) < 3:
        return text
    import numpy as np

    where = mask(crop)
    rows = np.flatnonzero(where.any(axis=1))
    if not len(rows):
        return text
    gaps = _gaps(where)
    wide = max(_WORD_GAP * (rows[-1] - rows[0] + 1), _WORD_GAP_TIMES * median([b - a for a, b in gaps] or [0]))
    # The spaces that were read each own the widest gap near them; what is left over has none in the text.
    ends = list(accumulate(len(word) for word in text.split()))[:-1]
    known = []
    for end in ends:
        near = [gap for gap in gaps if at[max(0, end - 2)] < (gap[0] + gap[1]) / 2 < at[min(end + 1, len(at) - 1)]]
        widest = max(near, key=lambda gap: gap[1] - gap[0], default=None)
        if widest is not None:
            gaps.remove(widest)
            known.append(widest[1] - widest[0])
    if known:
        wide = max(wide, _LIKE_KNOWN * min(known))
    missing = set()
    for left, right in gaps:
        after = sum(centre < (left + right) / 2 for centre in at)
        if (
            right - left > wide
            and 0 < after < len(letters)
            and after not in ends
            and _may_part(letters[after - 1], letters[after])
        ):
            missing.add(after)
    result, seen = [], 0
    for char in text:
        if seen in missing and not char.isspace():
            result.append(" ")
            missing.discard(seen)
        result.append(char)
        seen += not char.isspace()
    return "".join(result)


def _may_part(left: str, right: str) -> bool:
    """Whether a space between two characters is plausible: between letters, or after a mark before a letter."""
    return right.isalpha() and (left.isalpha() or left in ",;:!?)")


def _gaps(where: Array) -> list[tuple[int, int]]:
    """Return (start, end) of the runs without ink between the first and the last inked column."""
    import numpy as np

    inked = np.flatnonzero(where.any(axis=0))
    return [(int(a) + 1, int(b)) for a, b in pairwise(inked) if b - a > 1]


def _words(bgr: Array, box: Rect, crop: Array, text: str, at: list[float]) -> tuple[Word, ...]:
    words = text.split()
    letters = sum(len(word) for word in words)
    if len(words) < 2 or letters != len(at) or box[2] - box[0] < box[3] - box[1]:
        return (Word(text, box),)
    # From pixels of the crop to the picture: the crop is the dilated box, so both run from edge to edge of the ink.
    import numpy as np

    inked = np.flatnonzero(mask(crop).any(axis=0))
    if not len(inked):
        return (Word(text, box),)
    scale = (box[2] - box[0]) / max(1, int(inked[-1]) - int(inked[0]) + 1)
    result, start, left = [], 0, box[0]
    for word in words:
        end = start + len(word)
        if end < letters:
            right = round(box[0] + ((at[end - 1] + at[end]) / 2 - int(inked[0])) * scale)
            right = min(max(right, left + 1), box[2])
        else:
            right = box[2]
        result.append(Word(word, tight(bgr, (left, box[1], right, box[3])) if right > left else box))
        start, left = end, right
    return tuple(result)


def _rect(quad: Array, shape: tuple[int, ...]) -> Rect:
    """Return the upright box around four corners, inside the picture, at least one pixel wide and high."""
    left, top = (int(side) for side in quad.min(0))
    right, bottom = (int(side) + 1 for side in quad.max(0))
    left, top = max(0, min(left, shape[1] - 1)), max(0, min(top, shape[0] - 1))
    return left, top, max(left + 1, min(right, shape[1])), max(top + 1, min(bottom, shape[0]))
