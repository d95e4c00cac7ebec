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

# Every repetition has a bound (the tests look), so that an answer takes a time that grows with its length alone.
_N = r"[-+]?\d{1,12}(?:\.\d{1,17})?"
_S = r"\s{0,24}"
_C = rf"{_S}[,，]{_S}"
_N4 = _C.join([f"({_N})"] * 4)
_N4S = r"[\s,，]{1,24}".join([f"({_N})"] * 4)
_PAIR = rf"[(（\[]{_S}({_N}){_S}[,，\s]{_S}({_N}){_S}[)）\]]"
# A mark of a place, or of the name before it: what stands between two marks belongs to the first.
_MARK = re.compile(
    r"<\|(?P<token>box|quad|point|object_ref)_(?P<edge>start|end)\|>"
    r"|<(?P<close>/?)(?P<tag>box|bbox|quad|point|det|ref|p)>|<\|(?P<slash>/?)(?P<deep>det|ref)\|>"
)
_REFS = frozenset(("object_ref", "ref", "p"))
_REF_CHARS = 300
_BODY_CHARS = 8000
_POINTS = re.compile(
    rf"<points?\b(?P<head>[^<>]{{0,{_BODY_CHARS}}})(?P<close>/?>|$)(?:(?P<body>[^<]{{0,{_REF_CHARS}}})</points?>)?",
    re.IGNORECASE,
)
_AXIS = re.compile(rf"\b([xy])(\d{{0,4}}){_S}={_S}[\"'“]?{_S}({_N})(?P<end>{_S}[\"'”]|(?=[\s/>]))", re.IGNORECASE)
_ALT = re.compile(r"\b(?:alt|label)\s{0,24}=\s{0,24}(?:\"([^\"]{0,300})\"?|'([^']{0,300})'?)")
_HAS_DATA = re.compile(r"\b(?:data-)?(?:bbox|polygon)\b", re.IGNORECASE)
_NEXT_TAG = re.compile(rf"<(?P<close>/?)(?P<tag>[a-z][\w.-]{{0,60}})(?P<head>[^<>]{{0,{_BODY_CHARS}}})", re.IGNORECASE)
_DATA = re.compile(
    rf"(?:data-)?(bbox|polygon){_S}={_S}(?:\"([^\"]{{0,{_BODY_CHARS}}})(\"|$)|'([^']{{0,{_BODY_CHARS}}})('|$))",
    re.IGNORECASE,
)
_CLASS = re.compile(rf"\bclass{_S}={_S}[\"']([^\"']{{0,300}})[\"']", re.IGNORECASE)
_TWO_PAIRS = re.compile(
    rf"{_PAIR}(?:{_S}(?:[,，;\-–—→~]|to|and|bottom|right|lower|corner|top|left|the|at|is|:|/){_S}){{0,8}}{_PAIR}",
    re.IGNORECASE,
)
_LINE_CHARS = 400  # a line with one place has less
_LINE = re.compile(
    rf"[ \t>*•\-]{{0,24}}(?:\d{{1,4}}[.)]{_S})?[(\[]?{_S}{_N4}(?![\d,.]{{0,12}}\d)[)\]]?[ \t]{{0,24}}[,:;\-–]?"
    r"[ \t]{0,24}(.{0,400})"
)
_LINE_AFTER = re.compile(
    rf"[ \t>*•\-]{{0,24}}(?:\d{{1,4}}[.)]{_S})?([^\d\n|][^\n|]{{0,80}}?){_S}[:：=\-–(]{{1,4}}{_S}{_N4}{_S}\)?"
    r"[ \t.;]{0,24}"
)
_B = r"[ \t]{1,24}"
_FOUR_SPACED = _B.join([f"({_N})"] * 4)
_SPACED = re.compile(rf"[ \t]{{0,24}}{_FOUR_SPACED}{_B}([^\d\s].{{0,400}})")
_SPACED_AFTER = re.compile(rf"[ \t]{{0,24}}([^\d\s][^\n|]{{0,200}}?)[ \t:]{{1,24}}{_FOUR_SPACED}[ \t]{{0,24}}")
_HEADED = re.compile(r"\b(?:x_?(?:1|min)|left|bbox|xmin)\b", re.IGNORECASE)
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
_FOUR = re.compile(rf"[(（<]{_S}{_N4}{_S}[)）>]")
_AFTER_KEY = re.compile(
    rf"\b(?:bbox(?:_2d)?|bounding box|box(?:_2d)?|coordinates)[\"'*`]{{0,4}}{_S}[:：=]{_S}{_N4S}",
    re.IGNORECASE,
)
_LONE_PAIR = re.compile(rf"(?:(?<![\w)\]])[(（]|^{_S}\[){_S}({_N}){_C}({_N}){_S}[)）\]]", re.MULTILINE)
_XY = re.compile(rf"\bx{_S}[=:]{_S}({_N}){_S}[,;]?{_S}(?:and\s)?{_S}y{_S}[=:]{_S}({_N})", re.IGNORECASE)
_BULLET = re.compile(r"^[\s>*•#|\-–]{0,120}(?:\d{1,4}[.)]\s{1,24})?")
_MARKS = r"[\s:：=*_`\"'|(\[{<\-–—,，]{0,120}"
_TAIL = re.compile(
    rf"{_MARKS}(?:\b(?:is|are|was|located|found|positioned|visible|appears?|at|in|by|with|its|the|has|of"
    r"|coordinates?|bounding|box(?:es)?|bbox(?:_2d)?|region|area|position"
    r"|approximately|about|around|top[- ]?left|corner|from)\b"
    rf"{_MARKS}){{0,40}}$",
    re.IGNORECASE,
)
_LABEL_CHARS = 80
NEAR_CHARS = 200  # around a place in which its name is looked for
_INSIDE = 40  # tags inside an element, at most
_TAGS = re.compile(r"<[^<>]{0,300}>?")


def tagged(text: str, log: Log) -> Iterator[Found]:
    """Yield what stands in tags and tokens: `<points …>`, `<|box_start|>`, `<box>`, HTML with data-bbox."""
    for hit in _POINTS.finditer(text):
        if _AXIS.search(hit["head"]):
            yield from _point_tag(hit, log)
    yield from _elements(text, log)
    yield from _tokens(text, log)


def _point_tag(hit: re.Match[str], log: Log) -> Iterator[Found]:
    named = _ALT.search(hit["head"])
    label = (hit["body"] or "").strip() or ((named[1] or named[2] or "") if named else "").strip()
    axes: dict[str, dict[str, float]] = {}
    for axis in _AXIS.finditer(hit["head"]):
        if not hit["close"] and axis.end() == len(hit["head"]) and not axis["end"]:
            continue
        axes.setdefault(axis[2], {})[axis[1].lower()] = float(axis[3])
    for pair in axes.values():
        if len(pair) == 2:
            yield Found("point", (pair["x"], pair["y"]), hit.start(), hit.end(), html.unescape(label))
        else:
            log.drop("a point with one coordinate", hit.start())


def _elements(text: str, log: Log) -> Iterator[Found]:
    """Yield the places of HTML elements with `data-bbox` or `data-polygon`; the words up to the next are their text."""
    tags = list(_NEXT_TAG.finditer(text))
    for number, hit in enumerate(tags):
        if hit["close"] or not _HAS_DATA.search(hit["head"]):
            continue
        behind = text[hit.end() : hit.end() + 1]
        if behind not in ("", ">"):
            continue
        start, end = hit.end() + 1, hit.end() + 1
        if not hit["head"].endswith("/"):
            for other in tags[number + 1 : number + 1 + _INSIDE]:
                if (other["close"] and other["tag"].lower() == hit["tag"].lower()) or _HAS_DATA.search(other["head"]):
                    end = other.start()
                    break
            else:
                end = start + _BODY_CHARS
        words = " ".join(html.unescape(_TAGS.sub(" ", text[start:end])).split())
        yield from _element(hit, words, log)


def _element(hit: re.Match[str], words: str, log: Log) -> Iterator[Found]:
    named = _CLASS.search(hit["head"])
    label = (named[1].split() or [""])[0] if named else hit["tag"].lower()
    for data in _DATA.finditer(hit["head"]):
        numbers = tuple(map(float, NUMBER.findall(data[2] or data[4] or "")))
        whole = bool(data[3] or data[5])
        kind = "box" if data[1].lower() == "bbox" else "polygon"
        fits = len(numbers) == 4 if kind == "box" else len(numbers) > 4 and len(numbers) % 2 == 0
        if not (whole and fits):
            log.drop(f"an element whose {data[1]} has {len(numbers)} numbers", hit.start())
        else:
            yield Found(kind, numbers, hit.start(), hit.end() + 1, label, words)


def _tokens(text: str, log: Log) -> Iterator[Found]:
    """Yield the places between `<box>`, `<|box_start|>` and the like and the next mark; a `<ref>` before names them."""
    marks = list(_MARK.finditer(text))
    name: str | None = None
    for hit, after in zip(marks, [*marks, None][1:], strict=True):
        kind = hit["token"] or hit["tag"] or hit["deep"]
        if hit["edge"] == "end" or hit["close"] or hit["slash"]:
            continue
        end = after.start() if after else len(text)
        if kind in _REFS:
            name = html.unescape(text[hit.end() : min(end, hit.end() + _REF_CHARS)]).strip() if after else name
        elif not re.search(r"[\"']\s{0,24}:\s{0,24}[\"']$", text[max(0, hit.start() - 8) : hit.start()]):
            # Not the value of a key: that one's object is read as JSON.
            closed = after is not None
            last = after.end() if after and (after["edge"] == "end" or after["close"] or after["slash"]) else end
            label = before(_TAGS.sub(" ", line_before(text, hit.start()))) if name is None else name
            yield from _token(text[hit.end() : end], (hit.start(), last), kind, label, log, closed=closed)


def _token(body: str, span: tuple[int, int], kind: str, label: str, log: Log, *, closed: bool) -> Iterator[Found]:
    start, end = span
    numbers = [float(number) for number in re.findall(_N, body)]
    if not numbers and not body.strip():
        log.drop("an empty box", start)
        return
    cut = not closed and not body.rstrip().endswith((")", "]"))
    if cut:
        log.repair("missing end of a box", end)
        numbers = numbers[:-1] if body[-1:].isdigit() else numbers
    if len(numbers) == 2:
        yield Found("point", tuple(numbers), start, end, label)
        return
    step = 8 if kind == "quad" else 4
    for i in range(0, len(numbers) - len(numbers) % step, step):
        yield Found("polygon" if step > 4 else "box", tuple(numbers[i : i + step]), start, end, label)
    if not numbers or len(numbers) % step:
        why = "a box cut off before its end" if cut else f"a box of {len(numbers) % step} numbers, not {step}"
        log.drop(why, start)


def plain(text: str) -> Iterator[Found]:
    """Yield what stands in plain text: `x1,y1,x2,y2 name` and the like, a line or a pair of corners each."""
    blank = list(text)

    def take(start: int, end: int) -> None:
        blank[start:end] = " " * (end - start)

    lines = list(_lines(text))
    for row in _table_rows(lines):
        yield row
        take(row.start, row.end)
    yield from _named_corners("".join(blank), text, take)
    for pattern in (_FOUR, _AFTER_KEY):
        for hit in pattern.finditer("".join(blank)):
            yield _box(hit.groups(), hit.span(), _around(text, hit.start(), hit.end()))
            take(*hit.span())
    last = 0
    for hit in _TWO_PAIRS.finditer("".join(blank)):
        yield _box(hit.groups(), hit.span(), _around(text, hit.start(), hit.end(), since=last))
        last = hit.end()
        take(*hit.span())
    count = sum(bool(line.strip(" `")) for _, line in lines)
    for pattern, name_at, first in ((_LINE, 5, 1), (_LINE_AFTER, 1, 2), (_SPACED, 5, 1), (_SPACED_AFTER, 1, 2)):
        here = _lines("".join(blank))
        near = ((at, pattern.fullmatch(line)) for at, line in here if len(line) <= _LINE_CHARS)
        found = [(at, one) for at, one in near if one]
        for at, one in found:
            sides = one.groups()[first - 1 : first + 3]
            x1, y1, x2, y2 = map(float, sides)
            # Four numbers in a line of a text may be anything; where every line has them, they are boxes.
            if len(found) < count and (pattern in (_SPACED, _SPACED_AFTER) or x1 >= x2 or y1 >= y2):
                continue
            span = at + one.start(), at + one.end()
            yield _box(sides, span, before(one[name_at]) if name_at == 1 else after(one[name_at]))
            take(*span)


def _table_rows(lines: Sequence[tuple[int, str]]) -> Iterator[Found]:
    """Yield the boxes of a table whose head names their sides."""
    if not any("|" in line and _HEADED.search(line) for _, line in lines):
        return
    for at, line in lines:
        cells = [cell.strip().strip("`*") for cell in line.strip().strip("|").split("|")]
        numbers = [cell for cell in cells if re.fullmatch(_N, cell)]
        if len(numbers) >= 4:
            counts = len(numbers) > 4 and re.fullmatch(r"\d{1,6}", cells[0]) is not None
            name = next((cell for cell in cells if cell and not re.fullmatch(_N, cell)), "")
            yield _box(numbers[counts : counts + 4], (at, at + len(line)), name)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with the place where it begins."""
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def _named_corners(text: str, whole: str, take: Callable[[int, int], None]) -> Iterator[Found]:
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
        if len(corners) == len(run) == 4:
            name = before(line_before(whole, run[0].start()))
            yield Found("box", tuple(float(corners[i]) for i in range(4)), run[0].start(), hit.end(), name)
            for one in run:
                take(*one.span())
            run = []


def lone_points(text: str) -> Iterator[Found]:
    """Yield pairs of numbers that may be points: (x, y), [x, y], "x=…, y=…". For answers that hold nothing surer."""
    for pattern in (_LONE_PAIR, _XY):
        for hit in pattern.finditer(text):
            yield Found(
                "point", (float(hit[1]), float(hit[2])), hit.start(), hit.end(), before(line_before(text, hit.start()))
            )


def before(text: str) -> str:
    """Return the name in the words before a place: bullets, quotes and "is located at" are none."""
    text = re.sub(
        rf"^\W{{0,24}}(?:and|or|then)\s{{1,24}}|^Action:{_S}|\({_S}(?:start_box|end_box|box|point){_S}=.{{0,{NEAR_CHARS}}}$",
        "",
        _BULLET.sub("", text),
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
    line = text[max(since, start - len(line_before(text, start))) : start]
    return before(line[max(line.rfind(")"), line.rfind("]")) + 1 :]) or after(line_after(text, end))


def line_before(text: str, at: int) -> str:
    """Return what stands on the line before `at`, at most `NEAR_CHARS` of it."""
    begin = max(0, at - NEAR_CHARS)
    return text[text.rfind("\n", begin, at) + 1 or begin : at]


def line_after(text: str, at: int) -> str:
    """Return what stands on the line from `at` on, at most `NEAR_CHARS` of it."""
    return text[at : at + NEAR_CHARS].partition("\n")[0]


def _box(sides: Sequence[str], span: tuple[int, int], label: str) -> Found:
    return Found("box", tuple(map(float, sides)), *span, label)
