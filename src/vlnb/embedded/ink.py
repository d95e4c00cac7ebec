"""Finds the ink inside a box: tight boxes for segments and words, and spaces that the recogniser missed.

The detector dilates its boxes (their IoU with the text is about 0.6), but the ink inside is exact. The recogniser drops
spaces between words in capitals ("CINNAMONSUGAR"), but the ink still shows the gap.
"""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from vlnb.embedded.page import Rect, Segment, Word

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MIN_CONTRAST = 24  # of 255: less is paper, noise, or sky
_INK = 0.4  # of the contrast: the threshold of ink, about halfway up a soft edge
_WORD_GAP = 0.4  # of the height of the ink: a gap between words is wider than this …
# A label glued to its value, "DOB:04/11/1957" and "Table#7", but not the scheme of an address: http://
_LABEL = re.compile(r"[^\d:：]{0,40}[^\W\d]{2}[^\d:：]{0,3}?(?:[:：](?![:/])(?=.)|(?=#\d))")
_FIRST_EAST_ASIAN = "\u2e80"
_WORD_GAP_TIMES = 1.8  # … and than this many times the usual gap between letters


def segment(bgr: Array, quad: Array, crop: Array, text: str, centres: list[float]) -> Segment:
    """Return the segment read in `crop` (cut out of `bgr` at `quad`), with missing spaces added and with tight boxes.

    `centres` are those of its letters, without spaces, in pixels of the crop.
    """
    text = mend_spaces(crop, text, centres)
    # The upright box around the corners, inside the picture, at least one pixel wide and high.
    (left, top), (right, bottom) = quad.min(0).astype(int), quad.max(0).astype(int) + 1
    left, top = max(0, min(left, bgr.shape[1] - 1)), max(0, min(top, bgr.shape[0] - 1))
    right, bottom = max(left + 1, min(right, bgr.shape[1])), max(top + 1, min(bottom, bgr.shape[0]))
    box = tight(bgr, (int(left), int(top), int(right), int(bottom)))
    return Segment(text, box, _words(bgr, box, crop, text, centres))


def mask(crop: Array) -> Array:
    """Return True for each pixel that differs from the background at the crop's rim. Shape (height, width)."""
    import numpy as np

    grey = crop.mean(axis=2)
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    difference = np.abs(grey - np.median(rim))
    contrast = float(np.percentile(difference, 99))
    ink: Array = difference > max(MIN_CONTRAST, _INK * contrast)
    return ink


def tight(bgr: Array, box: Rect) -> Rect:
    """Return the box of the ink inside `box`, without the parts of a neighbouring line that reach into it."""
    import cv2
    import numpy as np

    left, top, right, bottom = box
    if bottom - top > 1.5 * (right - left):  # vertical text: its neighbours are at its sides
        turned = tight(bgr.transpose(1, 0, 2), (top, left, bottom, right))
        return turned[1], turned[0], turned[3], turned[2]
    ink = mask(bgr[top:bottom, left:right])
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
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


def mend_spaces(crop: Array, text: str, centres: list[float]) -> str:
    """Add a space where the ink has a gap as wide as between words, but the text has no space.

    `centres` are those of the letters. Numbers stay whole, and in doubt the text stays as it is. A gap between words
    that is no wider than the gaps between letters (very narrow or widely spaced type) is not found.
    """
    import numpy as np

    letters = "".join(text.split())
    ink = mask(crop)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(letters) != len(centres) or len(letters) < 3 or not len(rows):
        return text
    gaps = [(int(a), int(b)) for a, b in pairwise(columns) if b - a > 1]
    wide = max(_WORD_GAP * int(rows[-1] - rows[0] + 1), _WORD_GAP_TIMES * median([b - a - 1 for a, b in gaps] or [0]))
    ends = list(accumulate(len(word) for word in text.split()))[:-1]
    cuts = set(ends)
    for left, right in gaps:
        end = sum(centre < (left + right) / 2 for centre in centres)
        near = any(abs(end - other) <= 1 for other in ends)  # this gap is a space that was read
        if right - left - 1 > wide and 0 < end < len(letters) and not near and _may_part(letters[end - 1 : end + 1]):
            cuts.add(end)
    return " ".join(letters[start:end] for start, end in pairwise([0, *sorted(cuts), len(letters)]))


def _may_part(pair: str) -> bool:
    """Whether a space between two characters is plausible: between letters, or between punctuation and a letter."""
    if max(pair) >= _FIRST_EAST_ASIAN:  # these scripts have no spaces
        return False
    return pair[1].isalpha() and (pair[0].isalpha() or pair[0] in ",;:!?)")


def _parts(word: str) -> list[str]:
    """Return a label and its value that are printed, or were read, without a space between them."""
    label = _LABEL.match(word)
    return [word[: label.end()], word[label.end() :]] if label else [word]


def _words(bgr: Array, box: Rect, crop: Array, text: str, centres: list[float]) -> tuple[Word, ...]:
    import numpy as np

    words = [part for word in text.split() for part in _parts(word)]
    inked = np.flatnonzero(mask(crop).any(axis=0))
    if len(words) < 2 or sum(map(len, words)) != len(centres) or box[2] - box[0] < box[3] - box[1] or not len(inked):
        return (Word(text, box),)
    # From pixels of the crop to the picture: the crop is the dilated box, so both run from edge to edge of the ink.
    scale = (box[2] - box[0]) / (int(inked[-1]) - int(inked[0]) + 1)
    result, left = [], box[0]
    for word, end in zip(words, accumulate(map(len, words)), strict=True):
        middle = (centres[end - 1] + centres[end]) / 2 if end < len(centres) else float(inked[-1] + 1)
        right = min(max(round(box[0] + (middle - int(inked[0])) * scale), left + 1), box[2])
        result.append(Word(word, tight(bgr, (left, box[1], right, box[3])) if right > left else box))
        left = right
    return tuple(result)
