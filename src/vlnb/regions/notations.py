"""Places in an answer that is not JSON: tags, special tokens, HTML, tables, and plain lines of text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    r"<\|?(?P<close>/?)(?P<kind>object_ref|box|bbox|quad|point|det|ref|p)(?:_(?P<edge>start|end))?\|?>", re.IGNORECASE
)
_REFS = frozenset(("object_ref", "ref", "p"))
_REF_CHARS = 300
_BODY_CHARS = 8000
_TAG = re.compile(
    rf"<(?P<close>/?)(?P<name>[a-z][\w.-]{{0,60}})(?P<head>(?:[\s/][^<>]{{0,{_BODY_CHARS}}})?)(?:>|$)", re.IGNORECASE
)
_ATTRIBUTE = re.compile(
    rf"\b(?P<name>[a-z][\w-]{{0,40}}){_S}={_S}(?:(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote)).){{0,{_BODY_CHARS}}})"
    r"(?P<end>(?P=quote)|$)|(?P<bare>[^\s<>]{1,300})(?=[\s/]|$))",
    re.IGNORECASE | re.DOTALL,
)
_AXIS = re.compile(r"([xy])(\d{0,4})")
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
_PLACE_END = re.compile(r"[\d\"']\s{0,24}[\])]")
_MARKS = " \t\r\n:：=*_`\"'|([{<-–—,，"
_FILLER = re.compile(  # a word at the end of a name that is none of it: "TOTAL is located at"
    r"\b(?:is|are|was|located|found|positioned|visible|appears?|at|in|by|with|its|the|has|of|coordinates?|bounding"
    r"|box(?:es)?|bbox(?:_2d)?|region|area|position|approximately|about|around|top[- ]?left|corner|from)$",
    re.IGNORECASE,
)
_FILLER_CHARS = 16
_LABEL_CHARS = 80
NEAR_CHARS = 200  # around a place in which its name is looked for
_HAS_DATA = re.compile(r"\b(?:data-)?(?:bbox|polygon)\b", re.IGNORECASE)
_INSIDE = 40  # tags inside an element, at most
_TAGS = re.compile(r"<[^<>]{0,300}>?")


def tagged(text: str, log: Log) -> Iterator[Found]:
    """Yield the places in tags and special tokens: `<points …>`, `<|box_start|>`, `<box>`, HTML with data-bbox."""
    tags = list(_TAG.finditer(text))
    for number, hit in enumerate(tags):
        named = {one["name"].lower().removeprefix("data-"): one for one in _ATTRIBUTE.finditer(hit["head"])}
        if not hit["close"] and hit["name"].lower() in ("point", "points"):
            yield from _points(hit, named, _words(text, tags, number), log)
        elif not hit["close"]:
            for kind, data in named.items():
                if kind in ("bbox", "polygon"):
                    yield from _element(hit, kind, data, named.get("class"), _words(text, tags, number), log)
    yield from _tokens(text, log)


def _words(text: str, tags: Sequence[re.Match[str]], number: int) -> str:
    """Return the words of an element: those up to its end, or to the next element with a place."""
    hit, end = tags[number], len(text)
    for other in tags[number + 1 : number + 1 + _INSIDE]:
        if (other["close"] and other["name"].lower() == hit["name"].lower()) or _HAS_DATA.search(other["head"]):
            end = other.start()
            break
    body = "" if hit["head"].endswith("/") else text[hit.end() : min(end, hit.end() + _BODY_CHARS)]
    return " ".join(html.unescape(_TAGS.sub(" ", body)).split())


def _points(hit: re.Match[str], named: Mapping[str, re.Match[str]], words: str, log: Log) -> Iterator[Found]:
    alt = named.get("alt") or named.get("label")
    label = html.unescape((alt["value"] or "").strip() if alt else "") or words
    axes: dict[str, dict[str, float]] = {}
    for name, value in named.items():
        axis, number = _AXIS.fullmatch(name), NUMBER.fullmatch((value["value"] or value["bare"] or "").strip(" \"'"))
        if axis and number and (value["end"] or hit[0].endswith(">")):
            axes.setdefault(axis[2], {})[axis[1]] = float(number[0])
    for pair in axes.values():
        if len(pair) == 2:
            yield Found("point", (pair["x"], pair["y"]), hit.start(), hit.end(), label)
        else:
            log.drop("a point with one coordinate", hit.start())


def _element(
    hit: re.Match[str], kind: str, data: re.Match[str], named: re.Match[str] | None, words: str, log: Log
) -> Iterator[Found]:
    label = named["value"].split()[0] if named and named["value"] else hit["name"].lower()
    numbers = tuple(map(float, NUMBER.findall(data["value"] or "")))
    fits = len(numbers) == 4 if kind == "bbox" else len(numbers) > 4 and len(numbers) % 2 == 0
    if data["end"] and fits:
        yield Found("box" if kind == "bbox" else kind, numbers, hit.start(), hit.end(), label, words)
    else:
        log.drop(f"an element whose {kind} has {len(numbers)} numbers", hit.start())


def _tokens(text: str, log: Log) -> Iterator[Found]:
    """Yield the places between `<box>`, `<|box_start|>` and the like and the next mark; a `<ref>` before names them."""
    marks = list(_MARK.finditer(text))
    name: str | None = None
    for hit, after in zip(marks, [*marks, None][1:], strict=True):
        if _closes(hit):
            continue
        end = after.start() if after else len(text)
        if hit["kind"].lower() in _REFS:
            name = html.unescape(text[hit.end() : min(end, hit.end() + _REF_CHARS)]).strip() if after else name
        elif not re.search(r"[\"']\s{0,24}:\s{0,24}[\"']$", text[max(0, hit.start() - 8) : hit.start()]):
            # The value of a key is read as JSON, with its object.
            span = (hit.start(), after.end() if after and _closes(after) else end)
            label = before(_TAGS.sub(" ", line_before(text, hit.start()))) if name is None else name
            yield from _token(text[hit.end() : end], span, hit["kind"].lower(), label, log, closed=after is not None)


def _closes(mark: re.Match[str]) -> bool:
    return bool(mark["close"] or mark["edge"] == "end")


def _token(body: str, span: tuple[int, int], kind: str, label: str, log: Log, *, closed: bool) -> Iterator[Found]:
    numbers = [float(number) for number in re.findall(_N, body)]
    cut = not closed and not body.rstrip().endswith((")", "]"))
    if cut and body[-1:].isdigit():
        numbers.pop()
    step = 8 if kind == "quad" else 4
    if len(numbers) == 2:
        yield Found("point", tuple(numbers), *span, label)
    elif numbers and len(numbers) % step == 0:
        if cut:
            log.repair("missing end of a box", span[1])
        for i in range(0, len(numbers), step):
            yield Found("polygon" if step > 4 else "box", tuple(numbers[i : i + step]), *span, label)
    else:
        log.drop("a box cut off before its end" if cut else f"a box of {len(numbers)} numbers, not {step}", span[0])
        yield Found("", (), *span)  # so that nothing else reads it again


def plain(text: str) -> Iterator[Found]:
    """Yield the boxes in plain text: `x1,y1,x2,y2 name` and the like, one a line, or a pair of corners."""
    count = sum(bool(line.strip(" `")) for _, line in _lines(text))
    blank = text
    for form in (_table_rows, _named_sides, partial(_matches, _CORNERS, "box"), partial(_number_lines, count=count)):
        found = list(form(blank, text))
        yield from found
        blank = without(blank, [(one.start, one.end) for one in found])


def lone_points(text: str) -> Iterator[Found]:
    """Yield pairs of numbers that may be points: (x, y), [x, y], "x=…, y=…". For answers that hold nothing surer."""
    for pattern in (_LONE_PAIR, _XY):
        yield from _matches(pattern, "point", text, text)


def _matches(pattern: re.Pattern[str], kind: str, blank: str, text: str) -> Iterator[Found]:
    for hit in pattern.finditer(blank):
        numbers = tuple(float(number) for number in hit.groups() if number is not None)
        yield Found(kind, numbers, *hit.span(), name_around(text, *hit.span()))


def _named_sides(blank: str, text: str) -> Iterator[Found]:
    for hit in _NAMED.finditer(blank):
        names = [name.lower().replace("_", "") for name in hit.groups()[::2]]
        sides = corners({name: [float(number)] for name, number in zip(names, hit.groups()[1::2], strict=True)})
        if sides and len(sides) == 4:
            yield Found("box", sides, *hit.span(), name_around(text, *hit.span()))


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
            yield Found("box", tuple(map(float, numbers[counts : counts + 4])), at, at + len(line), name)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its offset."""
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def name_around(text: str, start: int, end: int) -> str:
    """Return the name that the words on the line give to a place: those before it, or else those after it."""
    line = _PLACE_END.split(_TAGS.sub(" ", line_before(text, start)))[-1]
    return before(line) or after(line_after(text, end))


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


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return `text` with these spans replaced by spaces, so that all other offsets stay the same."""
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            begin = max(at, start)
            parts += [text[at:begin], re.sub(r"[^\n]", " ", text[begin:end])]
            at = end
    return "".join([*parts, text[at:]])
