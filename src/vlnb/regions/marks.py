"""Places in an answer that is not JSON: tags, special tokens, HTML, tables, and plain lines of text."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vlnb.regions.loose import NUMBER
from vlnb.regions.numbers import Found

if TYPE_CHECKING:
    from vlnb.regions.result import Log

_N = r"[-+]?\d+(?:\.\d+)?"
_C = r"\s*[,，]\s*"
_N4 = _C.join([f"({_N})"] * 4)
_N4S = r"[\s,，]+".join([f"({_N})"] * 4)
_PAIR = rf"[(（\[]\s*({_N})\s*[,，\s]\s*({_N})\s*[)）\]]"
_REF = re.compile(
    r"(?:<\|object_ref_start\|>|<ref>|<\|ref\|>|<p>)(.*?)(?:<\|object_ref_end\|>|</ref>|<\|/ref\|>|</p>)", re.DOTALL
)
_TOKENS = re.compile(
    r"(?:<\|(?P<kind>box|quad|point)_start\|>|<(?P<tag>box|bbox|quad|point|det)>|<\|det\|>)(?P<body>.*?)"
    r"(?P<end><\|(?:box|quad|point)_end\|>|</(?:box|bbox|quad|point|det)>|<\|/det\|>|(?=<\|(?:box|quad|point)_start\|>|<\|object_ref)|$)",
    re.DOTALL,
)
_POINTS = re.compile(r"<points?\b(?P<head>[^<>]*)(?P<close>/?>|$)(?:(?P<body>[^<]*)</points?>)?", re.IGNORECASE)
_AXIS = re.compile(rf"\b([xy])(\d*)\s*=\s*[\"'“]?\s*({_N})(?P<end>\s*[\"'”]|(?=[\s/>]))", re.IGNORECASE)
_ALT = re.compile(r"\b(?:alt|label)\s*=\s*(?:\"([^\"]*)\"?|'([^']*)'?)")
_ELEMENT = re.compile(
    r"<(?P<tag>[a-z][\w.-]*)(?P<head>[^<>]*?\b(?:data-)?(?:bbox|polygon)\b[^<>]*)(?P<close>/?>|$)", re.IGNORECASE
)
_DATA = re.compile(r"(?:data-)?(bbox|polygon)\s*=\s*(?:\"([^\"]*)(\"|$)|'([^']*)('|$))", re.IGNORECASE)
_CLASS = re.compile(r"\bclass\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
_TWO_PAIRS = re.compile(
    rf"{_PAIR}(?:\s*(?:[,，;\-–—→~]|to|and|bottom|right|lower|corner|top|left|the|at|is|:|/)\s*)*{_PAIR}", re.IGNORECASE
)
_LINE = re.compile(
    rf"^[ \t>*•\-]*(?:\d+[.)]\s+)?[(\[]?\s*{_N4}(?![\d,.]*\d)[)\]]?[ \t]*[,:;\-–]?[ \t]*(.*)$",
    re.MULTILINE,
)
_LINE_AFTER = re.compile(
    rf"^[ \t>*•\-]*(?:\d+[.)]\s+)?([^\d\n|][^\n|]{{0,80}}?)\s*[:：=\-–(]+\s*{_N4}\s*\)?[ \t.;]*$",
    re.MULTILINE,
)
_SPACED = re.compile(rf"^[ \t]*({_N})[ \t]+({_N})[ \t]+({_N})[ \t]+({_N})[ \t]+([^\d\s].*)$", re.MULTILINE)
_SPACED_AFTER = re.compile(
    rf"^[ \t]*([^\d\s][^\n|]*?)[ \t:]+({_N})[ \t]+({_N})[ \t]+({_N})[ \t]+({_N})[ \t]*$", re.MULTILINE
)
_HEADED = re.compile(r"\|[^\n]*\b(?:x_?(?:1|min)|left|bbox|xmin)\b[^\n]*\|", re.IGNORECASE)
_ROW = re.compile(r"^[ \t]*\|?(?:[^|\n]*\|){4,}[^|\n]*$", re.MULTILINE)
_NAMES = {
    **dict.fromkeys(("x1", "xmin", "left", "x0"), 0),
    **dict.fromkeys(("y1", "ymin", "top", "y0"), 1),
    **dict.fromkeys(("x2", "xmax", "right"), 2),
    **dict.fromkeys(("y2", "ymax", "bottom"), 3),
}
_NAMED = re.compile(
    rf"\b(x_?[012]|y_?[012]|[xy]_?m(?:in|ax)|left|top|right|bottom)\b[^\w\-]{{1,5}}({_N})", re.IGNORECASE
)
_NAMED_APART = 20  # characters between "x1: 10" and "y1: 20", at most
_FOUR = re.compile(rf"[(（<]\s*{_N4}\s*[)）>]")
_AFTER_KEY = re.compile(
    rf"\b(?:bbox(?:_2d)?|bounding box|box(?:_2d)?|coordinates)[\"'*`]*\s*[:：=]\s*{_N4S}",
    re.IGNORECASE,
)
_LONE_PAIR = re.compile(rf"(?:(?<![\w)\]])[(（]|^\s*\[)\s*({_N})\s*[,，]\s*({_N})\s*[)）\]]", re.MULTILINE)
_XY = re.compile(rf"\bx\s*[=:]\s*({_N})\s*[,;]?\s*(?:and\s+)?y\s*[=:]\s*({_N})", re.IGNORECASE)
_BULLET = re.compile(r"^[\s>*•#|\-–]*(?:\d+[.)]\s+)?")
_MARKS = r"[\s:：=*_`\"'|(\[{<\-–—,，]*"
_TAIL = re.compile(
    rf"{_MARKS}(?:\b(?:is|are|was|located|found|positioned|visible|appears?|at|in|by|with|its|the|has|of"
    r"|coordinates?|bounding|box(?:es)?|bbox(?:_2d)?|region|area|position"
    r"|approximately|about|around|top[- ]?left|corner|from)\b"
    rf"{_MARKS})*$",
    re.IGNORECASE,
)
_LABEL_CHARS = 80


def tagged(text: str, log: Log) -> Iterator[Found]:
    """Yield what stands in tags and tokens: `<points …>`, `<|box_start|>`, `<box>`, HTML with data-bbox."""
    for hit in _POINTS.finditer(text):
        if _AXIS.search(hit["head"]):
            yield from _point_tag(hit, log)
    for hit in _ELEMENT.finditer(text):
        yield from _element(text, hit, log)
    for hit in _TOKENS.finditer(text):
        if re.search(r"[\"']\s*:\s*[\"']$", text[max(0, hit.start() - 8) : hit.start()]):
            continue  # the value of a key: its object is read as JSON
        yield from _token(text, hit, log)


def _point_tag(hit: re.Match[str], log: Log) -> Iterator[Found]:
    named = _ALT.search(hit["head"])
    label = (hit["body"] or "").strip() or ((named[1] or named[2] or "") if named else "").strip()
    axes: dict[str, dict[str, float]] = {}
    for axis in _AXIS.finditer(hit["head"]):
        if not hit["close"] and axis.end() == len(hit["head"]) and not axis["end"]:
            continue
        axes.setdefault(axis[2], {})[axis[1].lower()] = float(axis[3])
    for pair in axes.values():
        if len(pair) == 2:  # noqa: PLR2004
            yield Found("point", (pair["x"], pair["y"]), hit.start(), hit.end(), html.unescape(label))
        else:
            log.drop("a point with one coordinate", hit.start())


def _element(text: str, hit: re.Match[str], log: Log) -> Iterator[Found]:
    end = hit.end()
    if not hit["close"].startswith("/"):
        closing = re.compile(rf"</{re.escape(hit['tag'])}\s*>|<[^>]*\b(?:data-)?(?:bbox|polygon)\b|$", re.IGNORECASE)
        body = closing.search(text, end)
        end = body.start() if body else len(text)
    words = " ".join(html.unescape(re.sub(r"<[^>]*>?", " ", text[hit.end() : end])).split())
    named = _CLASS.search(hit["head"])
    label = (named[1].split() or [""])[0] if named else hit["tag"].lower()
    for data in _DATA.finditer(hit["head"]):
        numbers = tuple(map(float, NUMBER.findall(data[2] or data[4] or "")))
        whole = bool(data[3] or data[5])
        kind = "box" if data[1].lower() == "bbox" else "polygon"
        fits = len(numbers) == 4 if kind == "box" else len(numbers) > 4 and len(numbers) % 2 == 0  # noqa: PLR2004
        if not (whole and fits):
            log.drop(f"an element whose {data[1]} has {len(numbers)} numbers", hit.start())
        else:
            yield Found(kind, numbers, hit.start(), hit.end(), label, words)


def _token(text: str, hit: re.Match[str], log: Log) -> Iterator[Found]:
    body, kind = hit["body"], hit["kind"] or hit["tag"] or "box"
    numbers = [float(number) for number in re.findall(_N, body)]
    label = _reference(text, hit.start())
    if not numbers and not body.strip():
        log.drop("an empty box", hit.start())
        return
    cut = not hit["end"] and hit.end() == len(text) and not body.rstrip().endswith((")", "]"))
    if cut:
        log.repair("missing end of a box", hit.end())
        numbers = numbers[:-1] if body[-1:].isdigit() else numbers
    if len(numbers) == 2:  # noqa: PLR2004
        yield Found("point", tuple(numbers), hit.start(), hit.end(), label)
        return
    step = 8 if kind == "quad" else 4
    for i in range(0, len(numbers) - len(numbers) % step, step):
        yield Found("polygon" if step > 4 else "box", tuple(numbers[i : i + step]), hit.start(), hit.end(), label)  # noqa: PLR2004
    if not numbers or len(numbers) % step:
        why = "a box cut off before its end" if cut else f"a box of {len(numbers) % step} numbers, not {step}"
        log.drop(why, hit.start())


def _reference(text: str, at: int) -> str:
    """Return the name that stands before a box: the nearest <ref>, or else the words on its line."""
    refs = list(_REF.finditer(text, 0, at))
    if refs:
        return html.unescape(refs[-1][1]).strip()
    return before(re.sub(r"<[^<>]*>", " ", text[text.rfind("\n", 0, at) + 1 : at]))


def plain(text: str) -> Iterator[Found]:
    """Yield what stands in plain text: `x1,y1,x2,y2 name` and the like, a line or a pair of corners each."""
    blank = list(text)

    def take(hit: re.Match[str]) -> None:
        blank[hit.start() : hit.end()] = " " * (hit.end() - hit.start())

    for hit in _ROW.finditer(text) if _HEADED.search(text) else ():
        cells = [cell.strip().strip("`*") for cell in hit[0].strip().strip("|").split("|")]
        numbers = [cell for cell in cells if re.fullmatch(_N, cell)]
        if len(numbers) >= 4:  # noqa: PLR2004
            skip = 1 if len(numbers) > 4 and re.fullmatch(r"\d+", cells[0]) else 0  # noqa: PLR2004 - a column that counts
            name = next((cell for cell in cells if cell and not re.fullmatch(_N, cell)), "")
            yield _box(numbers[skip : skip + 4], hit, name)
            take(hit)
    yield from _named_corners("".join(blank), text, take)
    for pattern in (_FOUR, _AFTER_KEY):
        for hit in pattern.finditer("".join(blank)):
            yield _box(hit.groups(), hit, _around(text, hit.start(), hit.end()))
            take(hit)
    last = 0
    for hit in _TWO_PAIRS.finditer("".join(blank)):
        yield _box(hit.groups(), hit, _around(text, hit.start(), hit.end(), since=last))
        last = hit.end()
        take(hit)
    count = sum(bool(line.strip(" `")) for line in text.splitlines())
    for pattern, name_at, first in ((_LINE, 5, 1), (_LINE_AFTER, 1, 2), (_SPACED, 5, 1), (_SPACED_AFTER, 1, 2)):
        hits = list(pattern.finditer("".join(blank)))
        for hit in hits:
            sides = hit.groups()[first - 1 : first + 3]
            x1, y1, x2, y2 = map(float, sides)
            # Four numbers in a line of a text may be anything; where every line has them, they are boxes.
            if len(hits) < count and (pattern in (_SPACED, _SPACED_AFTER) or x1 >= x2 or y1 >= y2):
                continue
            yield _box(sides, hit, before(hit[name_at]) if name_at == 1 else after(hit[name_at]))
            take(hit)


def _named_corners(text: str, whole: str, take: Callable[[re.Match[str]], None]) -> Iterator[Found]:
    """Yield the boxes of "x1: 10, y1: 20, x2: 30, y2: 40", the four in any order."""
    run: list[re.Match[str]] = []
    for hit in _NAMED.finditer(text):
        if run and hit.start() - run[-1].end() > _NAMED_APART:
            run = []
        run = [*run[-3:], hit]
        named = {one[1].lower().replace("_", ""): one[2] for one in run}
        if {"x0", "y0"} <= named.keys():  # then x1 is the second corner
            named = {name.replace("1", "2"): number for name, number in named.items()}
        corners = {_NAMES[name]: number for name, number in named.items()}
        if len(corners) == len(run) == 4:  # noqa: PLR2004
            name = before(_line_before(whole, run[0].start()))
            yield Found("box", tuple(float(corners[i]) for i in range(4)), run[0].start(), hit.end(), name)
            for one in run:
                take(one)
            run = []


def lone_points(text: str) -> Iterator[Found]:
    """Yield pairs of numbers that may be points: (x, y), [x, y], "x=…, y=…". For answers that hold nothing surer."""
    for pattern in (_LONE_PAIR, _XY):
        for hit in pattern.finditer(text):
            yield Found(
                "point", (float(hit[1]), float(hit[2])), hit.start(), hit.end(), before(_line_before(text, hit.start()))
            )


def before(text: str) -> str:
    """Return the name in the words before a place: bullets, quotes and "is located at" are none."""
    text = re.sub(
        r"^\W*(?:and|or|then)\s+|^Action:\s*|\(\s*(?:start_box|end_box|box|point)\s*=.*$", "", _BULLET.sub("", text)
    )
    return _bare(_TAIL.sub("", text))[-_LABEL_CHARS:]


def after(text: str) -> str:
    """Return the name in the words behind a place."""
    return _bare(re.split(r"[\[({<]", text, maxsplit=1)[0])[:_LABEL_CHARS]


def _bare(text: str) -> str:
    """Return a name without marks around it; quotes go in pairs, so that: right of "TOTAL" keeps its own."""
    text = text.strip(" \t\r`*_:：-–—=,，;.。)]}|")
    while len(text) > 1 and text[0] in "\"'“" and text[-1] in "\"'”":
        text = text[1:-1].strip()
    return text if text.count('"') % 2 == 0 else text.strip('"')


def _around(text: str, start: int, end: int, *, since: int = 0) -> str:
    """Return the name before or else behind a place; with `since`, nothing before that is looked at."""
    line = max(text.rfind("\n", 0, start) + 1, since)
    last = max(text.rfind(")", line, start), text.rfind("]", line, start)) + 1
    return before(text[max(line, last) : start]) or after(text[end : (text + "\n").index("\n", end)])


def _line_before(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]


def _box(sides: Sequence[str], hit: re.Match[str], label: str) -> Found:
    return Found("box", tuple(map(float, sides)), hit.start(), hit.end(), label)
