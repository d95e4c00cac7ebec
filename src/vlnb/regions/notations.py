"""Places in an answer that is not JSON: tags, special tokens, HTML, tables, and plain lines of text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vlnb.regions.lenient import NUMBER
from vlnb.regions.meaning import Found, corners

if TYPE_CHECKING:
    from vlnb.regions.shapes import Log

# Every repetition has a bound (a test checks it), so that the time grows linearly with the length of the answer.
_N = r"[-+]?\d{1,12}(?:\.\d{1,17})?"
_S = r"\s{0,24}"
_C = rf"{_S}[,，]{_S}"
_N4 = _C.join([f"({_N})"] * 4)
_N4S = r"[\s,，]{1,24}".join([f"({_N})"] * 4)
_PAIR = rf"[(（\[]{_S}({_N}){_S}[,，\s]{_S}({_N}){_S}[)）\]]"
# A mark of a place, or of the name before it: the text between two marks belongs to the first.
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
_BETWEEN = r"[,，;\-–—→~]|to|and|bottom|right|lower|corner|top|left|the|at|is|:|/"
_CORNERS = re.compile(
    rf"{_PAIR}(?:{_S}(?:{_BETWEEN}){_S}){{0,8}}{_PAIR}|[(（<]{_S}{_N4}{_S}[)）>]"
    rf"|\b(?:bbox(?:_2d)?|bounding box|box(?:_2d)?|coordinates)[\"'*`]{{0,4}}{_S}[:：=]{_S}{_N4S}",
    re.IGNORECASE,
)
_LINE_CHARS = 400  # longer lines are prose
_LINE = re.compile(
    rf"[ \t>*•\-]{{0,24}}(?:\d{{1,4}}[.)]{_S})?([^\d\n|(\[][^\d\n|]{{0,200}}?)??[(\[]?{_S}{_N4S}(?![\d,.]{{0,12}}\d)"
    r"[)\]]?[ \t]{0,24}[.,:;\-–]?[ \t]{0,24}([^\s\d,].{0,400})?"
)
_HEADED = re.compile(r"\b(?:x_?(?:1|min)|left|bbox|xmin)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"[^\w\-]{1,20}".join([rf"\b(x_?[012]|y_?[012]|[xy]_?m(?:in|ax)|left|top|right|bottom)\b[^\w\-]{{1,5}}({_N})"] * 4),
    re.IGNORECASE,
)
_LONE_PAIR = re.compile(rf"(?:(?<![\w)\]])[(（]|^{_S}\[){_S}({_N}){_C}({_N}){_S}[)）\]]", re.MULTILINE)
_XY = re.compile(rf"\bx{_S}[=:]{_S}({_N}){_S}[,;]?{_S}(?:and\s)?{_S}y{_S}[=:]{_S}({_N})", re.IGNORECASE)
_BULLET = re.compile(r"^[\s>*•#|\-–]{0,120}(?:\d{1,4}[.)]\s{1,24})?")
_MARKS = " \t\r\n:：=*_`\"'|([{<-–—,，"
_FILLER = re.compile(  # a word at the end of a name that is none of it: "TOTAL is located at"
    r"\b(?:is|are|was|located|found|positioned|visible|appears?|at|in|by|with|its|the|has|of|coordinates?|bounding"
    r"|box(?:es)?|bbox(?:_2d)?|region|area|position|approximately|about|around|top[- ]?left|corner|from)$",
    re.IGNORECASE,
)
_FILLER_CHARS = 16
_LABEL_CHARS = 80
NEAR_CHARS = 200  # around a place in which its name is looked for
_INSIDE = 40  # tags inside an element, at most
_TAGS = re.compile(r"<[^<>]{0,300}>?")


def tagged(text: str, log: Log) -> Iterator[Found]:
    """Yield the places in tags and special tokens: `<points …>`, `<|box_start|>`, `<box>`, HTML with data-bbox."""
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
            # The value of a key is read as JSON, with its object.
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
    """Yield the places in plain text: `x1,y1,x2,y2 name` and the like, one a line, or a pair of corners."""
    count = sum(bool(line.strip(" `")) for _, line in _lines(text))
    blank = text
    for form in (_table_rows, _named_sides, _corner_pairs, partial(_number_lines, count=count)):
        found = list(form(blank, text))
        yield from found
        blank = without(blank, [(one.start, one.end) for one in found])


def _named_sides(blank: str, text: str) -> Iterator[Found]:
    for hit in _NAMED.finditer(blank):
        names = [name.lower().replace("_", "") for name in hit.groups()[::2]]
        sides = corners({name: [float(number)] for name, number in zip(names, hit.groups()[1::2], strict=True)})
        if sides and len(sides) == 4:
            yield Found("box", sides, *hit.span(), before(line_before(text, hit.start())))


def _corner_pairs(blank: str, text: str) -> Iterator[Found]:
    last = 0
    for hit in _CORNERS.finditer(blank):
        line = text[max(last, hit.start() - len(line_before(text, hit.start()))) : hit.start()]
        name = before(line[max(line.rfind(")"), line.rfind("]")) + 1 :]) or after(line_after(text, hit.end()))
        last = hit.end()
        yield _box([side for side in hit.groups() if side is not None], hit.span(), name)


def _number_lines(blank: str, _text: str, *, count: int) -> Iterator[Found]:
    """Yield the boxes of lines with four numbers, `count` being how many lines are not empty."""
    rows = [(at, hit) for at, line in _lines(blank) if len(line) <= _LINE_CHARS and (hit := _LINE.fullmatch(line))]
    for at, hit in rows:
        first, last = hit[1], hit[6]
        x1, y1, x2, y2 = map(float, hit.group(2, 3, 4, 5))
        # Four numbers in a line may be anything. They are a box if every line has them, or if they are
        # corners with commas between them, alone or after a name and its mark.
        named = not first or re.search(rf"[:：=\-–(]{_S}$", first)
        listed = named and "," in hit[0][hit.start(2) : hit.end(5)] and x1 < x2 and y1 < y2
        if not (first and last) and (listed or len(rows) == count):
            yield Found("box", (x1, y1, x2, y2), at, at + hit.end(), before(first) if first else after(last or ""))


def _table_rows(_blank: str, text: str) -> Iterator[Found]:
    """Yield the boxes of a table whose header names their sides."""
    lines = list(_lines(text))
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
    """Yield each line with its offset."""
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def lone_points(text: str) -> Iterator[Found]:
    """Yield pairs of numbers that may be points: (x, y), [x, y], "x=…, y=…". For answers that hold nothing surer."""
    for pattern in (_LONE_PAIR, _XY):
        for hit in pattern.finditer(text):
            yield Found(
                "point", (float(hit[1]), float(hit[2])), hit.start(), hit.end(), before(line_before(text, hit.start()))
            )


def before(text: str) -> str:
    """Return the name in the words before a place, without bullets, quotes and words such as "is located at"."""
    text = re.sub(
        rf"^\W{{0,24}}(?:and|or|then)\s{{1,24}}|^Action:{_S}|\({_S}(?:start_box|end_box|box|point){_S}=.{{0,{NEAR_CHARS}}}$",
        "",
        _BULLET.sub("", text),
    )
    text = text.rstrip(_MARKS)
    while hit := _FILLER.search(text, max(0, len(text) - _FILLER_CHARS)):
        text = text[: hit.start()].rstrip(_MARKS)
    return _bare(text)[-_LABEL_CHARS:]


def after(text: str) -> str:
    """Return the name in the words after a place."""
    return _bare(re.split(r"[\[({<]", text, maxsplit=1)[0])[:_LABEL_CHARS]


def _bare(text: str) -> str:
    """Strip punctuation around a name, and quotes in pairs: `right of "TOTAL"` keeps its own."""
    text = text.strip(" \t\r`*_:：-–—=,，;.。)]}|")
    while len(text) > 1 and text[0] in "\"'“" and text[-1] in "\"'”":
        text = text[1:-1].strip()
    return text if text.count('"') % 2 == 0 else text.strip('"')


def line_before(text: str, at: int) -> str:
    """Return the part of the line before `at`, at most `NEAR_CHARS` of it."""
    begin = max(0, at - NEAR_CHARS)
    return text[text.rfind("\n", begin, at) + 1 or begin : at]


def line_after(text: str, at: int) -> str:
    """Return the part of the line from `at` on, at most `NEAR_CHARS` of it."""
    return text[at : at + NEAR_CHARS].partition("\n")[0]


def _box(sides: Sequence[str], span: tuple[int, int], label: str) -> Found:
    return Found("box", tuple(map(float, sides)), *span, label)


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return `text` with these spans replaced by spaces, so that all other offsets stay the same."""
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            begin = max(at, start)
            parts += [text[at:begin], re.sub(r"[^\n]", " ", text[begin:end])]
            at = end
    return "".join([*parts, text[at:]])
