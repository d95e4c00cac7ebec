"""Finds regions in an answer that is not JSON: tags, special tokens, HTML, tables, and plain lines of text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vlnb.regions.lenient import NUMBER
from vlnb.regions.meaning import LABEL_KEYS, SIDES, STROKES, TEXT_KEYS, RawRegion, corners, short, verb_of

if TYPE_CHECKING:
    from vlnb.regions.shapes import Log

# Every repetition has a bound (a test checks it), so that the time grows linearly with the length of the answer.
_N = r"[-+]?\d{1,12}(?:\.\d{1,17})?"
_S = r"\s{0,24}"
_C = rf"{_S}[,，]{_S}"
_N4 = _C.join([f"({_N})"] * 4)
_N4S = r"[\s,，;_]{1,24}".join([f"({_N})"] * 4)
_PAIR = rf"[(（\[]{_S}({_N}){_S}[,，\s]{_S}({_N}){_S}[)）\]]"
# A tag of a place, or of the name before it: the text between two tags belongs to the first.
_MARK = re.compile(
    r"<\|?(?P<close>/?)(?P<kind>object_ref|box|bbox|quad|point|det|ref|p|(?:[a-z]{1,20}_|double|left|right|long)?(?:click|tap|press|touch|hover"
    r"|move|select|drag|swipe|slide|scroll|coords?|coordinates?|position|location))(?:_(?P<edge>start|end))?\|?>"
    r"|(?<![\w<|/.-])(?P<bare>point|box|bbox|click|tap|press|touch)>",  # without its "<"
    re.IGNORECASE,
)
_PLACES = ("point", "box", "bbox", "quad", "det")
_NUMBERS = re.compile(r"[\s\d.,;:()\[\]xy=+-]{1,200}")
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
_DIGIT = re.compile(r"\d")
_NUMBER_NEXT = re.compile(r"[\s(\[]{0,24}[-+.]?\d")
_QUOTED = re.compile(r"(?:[\"']\s{0,24}:|=)\s{0,24}[\"']$")  # the value of a key, which belongs to its object
_AXIS = re.compile(r"([xy])(\d{0,4})")
_BETWEEN = r"[-=]>|[,，;\-–—→~]|to|and|bottom|right|lower|corner|top|left|the|at|is|:|/"
CORNERS = re.compile(
    rf"{_PAIR}(?:{_S}(?:{_BETWEEN}){_S}){{0,8}}{_PAIR}|[(（<]{_S}{_N4}{_S}[)）>]",
    re.IGNORECASE,
)
_PAIRS = re.compile(rf"{_PAIR}(?:{_S}[,，;]?{_S}{_PAIR}){{2,200}}")
_NO_PLACE = re.compile(  # +34 600 123 456, Rp1,234,567,890, rgba(10, 20, 30, 1)
    r"\+\d|(?:[$€£¥₹]|\b(?:USD|EUR|GBP|JPY|CNY|INR|IDR|KRW|VND|R[ps]\.?))\s?\d{1,3}(?:,\d{3}){3}"
    r"|(?:rgb|hsl|cmyk)a?\("
)
_LINE_CHARS = 400  # longer lines are prose
_LINE = re.compile(
    rf"(?:[ \t>*•\"'`]|-(?!\d)){{0,24}}(?:\d{{1,4}}[.)](?!\d){_S})?([^\d\n|(\[][^\d\n|]{{0,200}}?)??[(\[]?{_S}{_N4S}"
    r"(?![\d,.]{0,12}\d)[)\]\"'`]?[ \t]{0,24}[.,:;\-–]?[ \t]{0,24}([^\s\d,].{0,400}|(?<=[ \t])\d.{0,400})?"
)
_HEADED = re.compile(r"\b(?:x_?(?:1|min)|left|bbox|xmin)\b", re.IGNORECASE)
_WORDS = re.compile(r"[\w\"]{0,40}(?:\s?[,;\t]\s?[a-z_]{1,40}[0-2]?\"?){3,20}\s{0,24}", re.IGNORECASE)
_NO_ROW = re.compile(r"[\s`]{0,24}|```[ct]sv\s{0,24}")
_HEADING = re.compile(  # ## Cup, 1. Cup, Item 1: Cup, or **Cup**, alone on its line
    r"\s{0,24}(?:#{2,6}\s|(?:(?:item|object|element) )?\d{1,3}[.):]\s|(?=.{0,24}\*\*.{1,80}\*\*\W{0,3}$))[\s*#-]{0,9}"
    r"([^\W\d][^,;:.!?\[\](){}=*]{0,60})[:*\s]{0,9}$",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"\b(introduction|reasoning|analysis|explanation|summary|answer|results?|output|overview|description|details?|notes?"
    r"|steps?|coordinates?|box(es)?|objects?|detect\w{1,5}|findings?)\b",
    re.IGNORECASE,
)
_DETAIL = re.compile(
    r"\s{0,24}[-*•\[(]|\s{0,24}[^\W\d][\w ]{0,40}[:：]\s{0,24}\S|\s{0,24}$"
)  # a line between a heading and a place
_ANSWER = r"\b(?:(?:final )?answer|coordinates?|position|point|location|cent(?:er|re))[:：*]{1,5}\s{0,24}"
_LONE_PAIR = re.compile(rf"(?:(?<![\w)\](])[(（]|^{_S}\[|{_ANSWER}\[){_S}({_N}){_C}({_N}){_S}[)）\]]", re.MULTILINE)
_ONLY_PAIR = re.compile(rf"[\s`*\"']{{0,24}}[\[(]{{1,2}}{_S}({_N}){_C}({_N}){_S}[\])]{{1,2}}[\s`*\"'.]{{0,24}}")
_VERB = r"(?:(?:left|right|double|long|single)[ _-]?)?(?:click|tap|press|touch|hover)"
_SPOKEN = re.compile(  # Click at 310, 77
    rf"^[ \t>*•-]{{0,24}}(?:[\w ]{{1,20}}[:：] {{1,4}})?(?:{_VERB}|(?:(?:its|the) )?(?:coordinates?|position|point))"
    r"(?: (?:is|are|at|on|to|the|point|position|coordinates?)){0,4}[:：*]{0,3}[ \t]{1,24}"
    rf"({_N})(?:{_C}| {{1,4}})({_N})[\s.`*]{{0,24}}$",
    re.MULTILINE | re.IGNORECASE,
)
_NO_LABEL = re.compile(
    rf"(?:i|you|we)(?:['’](?:d|ll))? (?:(?:would|should|could|can|will|must|need to) )?{_VERB}", re.IGNORECASE
)
_BULLET = re.compile(r"^[\s>*•#|\-–]{0,120}(?:\d{1,4}[.)]\s{1,24})?")
_PLACE_END = re.compile(r"[\d\"']\s{0,24}[\])]")
_MARKS = "@ \t\r\n:：=*_`\"'|([{<-–—,，"
_FILLER = re.compile(  # a word at the end of a name that is not part of it: "TOTAL is located at"
    r"\b(?:is|are|was|located|found|on|positioned|visible|appears?|at|in|by|with|its|the|has|of|coordinates?|bounding"
    r"|box(?:es)?|bbox(?:_2d)?|region|area|position|approximately|about|around|top[- ]?left|corner|from)$",
    re.IGNORECASE,
)
_FILLER_CHARS = 16
_SECTION = re.compile(  # a prefix of a name that is not part of it: "Action: tap", `, "label": "cup"`
    r"^\W{0,24}(?:(?:(?:and|or|then|there (?:is|are)|here (?:is|are)|i (?:can )?(?:see|found))\s{1,24}){1,3}"
    r"|.{0,60}\b(?:box(?:es)?|bbox|location|position|coordinates?|region) (?:of|for)\s{1,9}"
    r"|(?:final |the |current |detected )?(?:action|status|state|context|page|answer|result|output|response|location"
    r"|position|object|label|name|target|element|note|caption|text|description|observation|found|overview|layout|screen"
    r"|summary|detected|step \d{1,3})s?(?: is)?[\"'*]{0,3}\s{0,3}[:=]\W{0,9})",
    re.IGNORECASE,
)
STROKE = re.compile(  # Swipe from, or Swipe alone on its line: a slider is no stroke
    r"\b(?:drag|swipe|slide|scroll|flick|fling)\w{0,4}\b.{0,40}\bfrom\b.{0,20}$"
    r"|^\W{0,9}(?:drag|swipe|scroll|flick|fling):?\s{1,4}$",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(r"\(\w{1,30}\s{0,3}=.{0,200}$")
_KEY_END = re.compile(r"(?<=[\"'”’])\s{0,9}[:：=]\s{0,24}$")
_JSON = re.compile(r"[{}\[]|[\"'”’]\s{0,9}[:：,，=]")  # no name goes beyond it
_REF_BEFORE = re.compile(
    r"<\|?(?:object_ref|ref|p)(?:_start)?\|?>([^<>]{1,200})<\|?/?(?:object_ref|ref|p)(?:_end)?\|?>\W{0,9}$"
)
_LABEL_CHARS = 80
_HEADING_CHARS = 400
_NAME_BLANKS = 4
NEAR_CHARS = 200  # around a place, which may contain its name
_HAS_DATA = re.compile(r"\b(?:data-)?(?:bbox|polygon)\b", re.IGNORECASE)
_INSIDE = 40  # most tags inside an element
_TAGS = re.compile(r"<[^<>]{0,300}>?")
_HTML_TAGS = re.compile(r"<[a-zA-Z/!][^<>]{0,300}>?")


def tagged(text: str, log: Log) -> Iterator[RawRegion]:
    """Yield the places in tags and special tokens: `<points …>`, `<|box_start|>`, `<box>`, data-bbox in HTML."""
    tags = list(_TAG.finditer(text))
    for number, hit in enumerate(tags):
        if hit["close"] or not hit["head"]:
            continue
        attrs = {item["name"].lower().removeprefix("data-"): item for item in _ATTRIBUTE.finditer(hit["head"])}
        if attrs and (hit["name"].lower() in ("point", "points", "tracks") or verb_of(hit["name"])):
            yield from _points(hit, attrs, _words(text, tags, number), log)
        for kind in attrs.keys() & {"bbox", "polygon"}:
            yield from _element(
                hit, kind, attrs[kind], attrs.get("class") or attrs.get("name"), _words(text, tags, number), log
            )
    yield from _tokens(text, log)


def _words(text: str, tags: Sequence[re.Match[str]], number: int) -> str:
    """Return the text of an element, up to its end or to the next element with a place."""
    hit, end = tags[number], len(text)
    for other in tags[number + 1 : number + 1 + _INSIDE]:
        if (other["close"] and other["name"].lower() == hit["name"].lower()) or _HAS_DATA.search(other["head"]):
            end = other.start()
            break
    body = "" if hit["head"].endswith("/") else text[hit.end() : min(end, hit.end() + _BODY_CHARS)]
    return " ".join(html.unescape(_HTML_TAGS.sub(" ", body)).split())


def _points(hit: re.Match[str], attrs: Mapping[str, re.Match[str]], words: str, log: Log) -> Iterator[RawRegion]:
    alt = attrs.get("alt") or attrs.get("label")
    label = html.unescape((alt["value"] or "").strip() if alt else "") or words
    coords = (attrs["coords"]["value"] if "coords" in attrs else "") or ""
    frames = [NUMBER.findall(frame) for frame in re.split(r"[\t,:;]", coords)]
    if any(len(frame) < 4 or len(frame) % 3 != 1 for frame in frames):  # the marks stand within one frame
        frames = [NUMBER.findall(coords)]
    for frame in frames:  # "image index x y index x y …; image …", in thousandths
        numbers = [float(number) for number in frame]
        for at in range(2, len(numbers) - 1 if len(numbers) % 3 == 1 else 0, 3):
            yield RawRegion("point", (*numbers[at : at + 2],), hit.start(), hit.end(), label, thousandths=True)
    axes: dict[str, dict[str, float]] = {}
    for name, value in attrs.items():
        text = (value["value"] or value["bare"] or "").strip(" \"'")
        axis, number = _AXIS.fullmatch(name), NUMBER.fullmatch(text.removesuffix("%"))
        if axis and number and (value["end"] or hit[0].endswith(">")):
            axes.setdefault(axis[2], {})[axis[1]] = float(number[0]) / (100 if "%" in text else 1)
    for pair in axes.values():
        if len(pair) == 2:
            yield RawRegion("point", (pair["x"], pair["y"]), hit.start(), hit.end(), label)
        else:
            log.drop("a point with one coordinate", hit.start())


def _element(
    hit: re.Match[str], kind: str, data: re.Match[str], name: re.Match[str] | None, words: str, log: Log
) -> Iterator[RawRegion]:
    label = hit["name"].lower()
    if name and (value := (name["value"] or "").split()):  # one class of several, but a name as a whole
        label = value[0] if name["name"].lower().endswith("class") else " ".join(value)
    numbers = tuple(map(float, NUMBER.findall(data["value"] or "")))
    fits = len(numbers) == 4 if kind == "bbox" else len(numbers) > 4 and len(numbers) % 2 == 0
    if data["end"] and fits:
        yield RawRegion("box" if kind == "bbox" else kind, numbers, hit.start(), hit.end(), label, words)
    else:
        log.drop(f"an element whose {kind} has {len(numbers)} numbers", hit.start())
        yield RawRegion("", (), *hit.span())  # so that nothing else reads it again


def _tokens(text: str, log: Log) -> Iterator[RawRegion]:
    """Yield the places between `<box>`, `<|box_start|>` and the like and the next tag; a `<ref>` before names them."""
    marks = list(_MARK.finditer(text))
    name, named, last = None, False, 0  # named: a place has had this name already
    for hit, after in zip(marks, [*marks, None][1:], strict=True):
        kind, closed = _kind(hit), after is not None and _closes(after)
        body = text[hit.end() : after.start() if after else len(text)]
        if _closes(hit):
            continue
        if kind in _REFS:
            name, named = html.unescape(body[:_REF_CHARS]).strip() if after else name, False
        elif after and not closed and kind == _kind(after) and _NUMBER_NEXT.match(text, after.end()):
            if _DIGIT.search(body):
                log.drop("a place that starts again", hit.start())
            last = after.start()
            yield RawRegion("", (), hit.start(), last)
        elif (closed or _DIGIT.search(body)) and not _QUOTED.search(text, max(0, hit.start() - 8), hit.start()):
            line = text[max(last, hit.start() - len(line_before(text, hit.start()))) : hit.start()]
            span = (hit.start(), after.end() if after and closed else hit.end() + len(body))
            if named and name_before(_TAGS.sub(" ", line)):
                name = None
            label = name_before(_TAGS.sub(" ", _MARK.sub(" ", line))) if name is None else name
            last, named = span[1], True
            if not label:
                behind = _MARK.split(line_after(text, span[1]), maxsplit=1)[0]
                label, last = _name_after(_TAGS.sub(" ", behind)), span[1] + len(behind)
            yield from _token(
                body, span, kind, label, log, closed=after is not None or bool(hit["bare"] and not log.cut)
            )


def _kind(mark: re.Match[str]) -> str:
    return (mark["kind"] or mark["bare"]).lower()


def _closes(mark: re.Match[str]) -> bool:
    return bool(mark["close"] or mark["edge"] == "end")


def _token(body: str, span: tuple[int, int], kind: str, label: str, log: Log, *, closed: bool) -> Iterator[RawRegion]:
    numbers = [float(number) for number in NUMBER.findall(body)]
    cut = not closed and not body.rstrip().endswith((")", "]"))
    if kind not in _PLACES and not (_NUMBERS.fullmatch(body) and len(numbers) in (2, 4)):
        return  # <location>Room 12</location>
    if cut and body[-1:].isdigit() and (log.cut or kind in _PLACES[1:] or len(numbers) != 2):
        numbers.pop()  # more digits may have been missing
    step = 8 if kind == "quad" else 4
    half = not closed and (cut or log.cut) and kind in _PLACES[1:]
    if len(numbers) == 2 and not half:
        yield RawRegion("point", tuple(numbers), *span, label)
    elif numbers and len(numbers) % step == 0:
        if cut:
            log.repair("missing end of a box", span[1])
        step = 2 if step == len(numbers) and verb_of(kind) in STROKES else step
        for i in range(0, len(numbers), step):
            yield RawRegion({2: "point", 4: "box"}.get(step, "polygon"), tuple(numbers[i : i + step]), *span, label)
    else:
        log.drop(
            "a box cut off before its end" if cut or half else f"a box of {len(numbers)} numbers, not {step}", span[0]
        )
        yield RawRegion("", (), *span)  # so that nothing else reads it again


def plain(text: str) -> Iterator[RawRegion]:
    """Yield the boxes in plain text: `x1,y1,x2,y2 name` and the like, one a line, or a pair of corners."""
    count = sum(
        not (_NO_ROW.fullmatch(line) or (_HEADED.search(line) and _WORDS.fullmatch(line))) for _, line in _lines(text)
    )
    blank = text
    for form in (_table_rows, _chains, partial(_matches, CORNERS, "box"), partial(_number_lines, count=count)):
        regions = list(form(blank, text))
        yield from (region for region in regions if not _NO_PLACE.search(text, max(0, region.start - 5), region.end))
        blank = blank_out(blank, [(region.start, region.end) for region in regions])


def lone_points(text: str) -> Iterator[RawRegion]:
    """Yield pairs of numbers that may be points: (x, y), [x, y]. For answers without any clearer region."""
    blank = _HTML_TAGS.sub(lambda tag: " " * len(tag[0]), text)
    if only := _ONLY_PAIR.fullmatch(blank):
        yield RawRegion("point", (float(only[1]), float(only[2])), *only.span(1), "")
        return
    yield from _matches(_LONE_PAIR, "point", blank, text)
    for hit in _SPOKEN.finditer(blank):
        yield RawRegion("point", (float(hit[1]), float(hit[2])), *hit.span(), "")


def _matches(pattern: re.Pattern[str], kind: str, blank: str, text: str) -> Iterator[RawRegion]:
    for hit in pattern.finditer(blank):
        numbers = tuple(float(number) for number in hit.groups() if number is not None)
        stroke = len(numbers) == 4 and STROKE.search(line_before(text, hit.start()))
        for row in [numbers[:2], numbers[2:]] if stroke else [numbers]:
            yield RawRegion("point" if stroke else kind, row, *hit.span(), name_around(text, *hit.span()))


def _chains(blank: str, text: str) -> Iterator[RawRegion]:
    """Yield the points of three or more pairs in a row, unless they are corners: (1, 2), (3, 4), (5, 6)."""
    for chain in _PAIRS.finditer(blank):
        pairs = [(float(pair[1]), float(pair[2])) for pair in re.finditer(_PAIR, chain[0])]
        are_boxes = all(x1 < x2 and y1 < y2 for (x1, y1), (x2, y2) in zip(pairs[::2], pairs[1::2], strict=False))
        if len(pairs) % 2 or not are_boxes:
            yield from (RawRegion("point", pair, *chain.span(), name_around(text, *chain.span())) for pair in pairs)


def _number_lines(blank: str, _text: str, *, count: int) -> Iterator[RawRegion]:
    """Yield the boxes of lines with four numbers; `count` is the number of lines that are not empty."""
    rows = [(at, hit) for at, line in _lines(blank) if len(line) <= _LINE_CHARS and (hit := _LINE.fullmatch(line))]
    for at, hit in rows:
        first, last = hit[1], hit[6]
        x1, y1, x2, y2 = map(float, hit.group(2, 3, 4, 5))
        # Four numbers in a line may be anything. They are a box if every line has them, or if they are
        # corners with commas between them, alone or after a name and its mark.
        named = not first or re.search(rf"[:：=\-–(]{_S}$", first)
        rises, numeric = x1 < x2 and y1 < y2, (last or "")[:1].isdigit()  # 10,20,30,40 12.50
        has_commas = hit[0][hit.start(2) : hit.end(5)].count(",") > (2 if numeric else 0)
        listed = named and has_commas and rises
        # 555 123 456 789 is a telephone number
        is_box = listed or (len(rows) == count and (has_commas or (rises and not numeric)))
        if not (first and last) and is_box:
            name = name_before(first) if first else _name_after(last or "")
            yield RawRegion("box", (x1, y1, x2, y2), at, at + hit.end(), name)


def _table_rows(_blank: str, text: str) -> Iterator[RawRegion]:
    """Yield the regions of a table, in Markdown or CSV, whose header names their sides."""
    header: list[str] = []
    for at, line in _lines(text):
        mark = next((mark for mark in "|;\t," if mark in line), "")
        most = len(header) - 1 if header and header[-1] not in SIDES else -1  # 10,20,30,40,17,000
        row = line.strip().strip("|").split(mark, most) if mark and len(line) <= _LINE_CHARS else []
        cells = [cell.strip(" `*\"'") for cell in row]
        names = [short(cell.partition("(")[0]) for cell in cells]
        if corners({name: (0.0,) for name in names if name in SIDES}):
            header = names
        elif len(cells) == len(header):
            pairs = list(zip(header, cells, strict=True))
            sides = corners({name: (float(cell),) for name, cell in pairs if name in SIDES and NUMBER.fullmatch(cell)})
            named = (cell for name, cell in pairs if name in LABEL_KEYS + TEXT_KEYS)
            worded = (cell for name, cell in pairs if name not in SIDES and re.search(r"[^\W\d]", cell))
            name = next(filter(None, (*named, *worded)), "")
            if sides and (len(sides) == 4 or name):  # columns x and y alone may be those of a chart
                yield RawRegion("box" if len(sides) == 4 else "point", sides, at, at + len(line), name)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its offset."""
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def name_around(text: str, start: int, end: int) -> str:
    """Return the name of a place: the words before it on its line, else those after it, else the heading above."""
    line = line_before(text, start)
    if named := _REF_BEFORE.search(line):
        return html.unescape(named[1]).strip()
    line = _KEY_END.sub("", _PLACE_END.split(_TAGS.sub(" ", line))[-1])
    line = _JSON.split(line)[-1]
    if line.lstrip().startswith("|"):  # a cell of a table
        line = line.rstrip(" |").rpartition("|")[2]
    return name_before(line) or _name_after(line_after(text, end)) or _heading(text, start)


def _heading(text: str, start: int) -> str:
    """Return the name in the heading above a place whose own line says at most "box", "coordinates" or the like."""
    for line in reversed(text[max(0, start - _HEADING_CHARS) : start].split("\n")[:-1]):
        if heading := _HEADING.match(line):
            is_name = heading[1].count(" ") <= _NAME_BLANKS and not _NO_NAME.search(heading[1])
            return name_before(heading[1]) if is_name else ""
        if not _DETAIL.match(line):
            break
    return ""


def name_before(text: str) -> str:
    """Return the name in the words before a place, without bullets, quotes and words such as "is located at"."""
    text = _SECTION.sub("", _ARGUMENT.sub("", _BULLET.sub("", text)).rstrip(_MARKS))
    while hit := _FILLER.search(text, max(0, len(text) - _FILLER_CHARS)):
        text = text[: hit.start()].rstrip(_MARKS)
    return "" if _NO_LABEL.fullmatch(text) else _bare(text)[-_LABEL_CHARS:]


def _name_after(text: str) -> str:
    """Return the name in the words after a place."""
    text = re.sub(r"^\s{0,9}\((?=[^\W\d])", "", _SECTION.sub("", text))
    return _bare(re.split(r"[\[({<}\]]", text, maxsplit=1)[0])[:_LABEL_CHARS]


def _bare(text: str) -> str:
    """Strip punctuation around a name, and quotes in pairs: `right of "TOTAL"` keeps its own."""
    text = text.strip(" \t\r`*_:：-–—=,，;.。)]}|>→")
    while len(text) > 1 and text[0] in "\"'“" and text[-1] in "\"'”":
        text = text[1:-1].strip()
    text += ")" if text.count("(") > text.count(")") else ""
    if re.search("bbox|_start|_end", text) or not re.search(r"\w", text):
        return ""
    for quote in "\"'":
        text = text.strip(quote) if text.count(quote) % 2 else text
    return text


def line_before(text: str, at: int) -> str:
    """Return the part of the line before `at`, at most `NEAR_CHARS` of it."""
    begin = max(0, at - NEAR_CHARS)
    return text[text.rfind("\n", begin, at) + 1 or begin : at]


def line_after(text: str, at: int) -> str:
    """Return the part of the line from `at` on, at most `NEAR_CHARS` of it."""
    return text[at : at + NEAR_CHARS].partition("\n")[0]


def blank_out(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return `text` with these spans replaced by spaces, which keeps all other offsets."""
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            begin = max(at, start)
            parts += [text[at:begin], re.sub(r"[^\n]", " ", text[begin:end])]
            at = end
    return "".join([*parts, text[at:]])
