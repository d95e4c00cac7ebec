"""Twenty-four questions in MMMU's exact form, drawn by code. They are ours, and no part of MMMU.

Every row has the columns of a row of MMMU: `options` is a text that holds a list, pictures are {"bytes", "path"}.
Charts and tables have one picture, some questions two, options may be pictures, and answers may be lists.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vlnb import samples
from vlnb.accuracy.mmmu.question import LETTERS, PICTURES
from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.images import Picture

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
_CITIES = ("Lagos", "Lima", "Oslo", "Pune", "Quito", "Sofia", "Tunis", "Turin", "Vigo")
_QUARTERS = ("Q1", "Q2", "Q3", "Q4")
_FRUIT = ("apples", "pears", "plums", "figs")
_PLACES = ("first", "second", "third", "fourth")
_BLUE, _ORANGE, _GREEN, _RED, _INK = "#1f57c3", "#ef7d1a", "#1f8a3b", "#c8202a", "#222222"

Row = dict[str, Any]


def rows() -> list[Row]:
    """Return the questions, the same ones each time."""
    chance = random.Random(5)  # noqa: S311 - the same questions again
    return [*_charts(chance), *_tables(chance), *_diagrams(chance), *_pictures(chance)]


def _row(subject: str, number: int, question: str, answer: str, pictures: Sequence[Picture], options: Any = ()) -> Row:  # noqa: ANN401
    row: Row = {
        "id": f"drawn_{subject}_{number}",
        "question": question,
        "options": str(list(options)),
        "explanation": "",
        **{f"image_{n}": None for n in range(1, PICTURES + 1)},
        "img_type": f"['{subject}']",
        "answer": answer,
        "topic_difficulty": "Easy",
        "question_type": "multiple-choice" if options else "open",
        "subfield": subject,
    }
    for n, picture in enumerate(pictures, 1):
        buffer = io.BytesIO()
        picture.image.save(buffer, "PNG")
        row[f"image_{n}"] = {"bytes": buffer.getvalue(), "path": f"{row['id']}_{n}.png"}
    return row


def _letter(options: Sequence[str], right: str) -> str:
    return LETTERS[list(options).index(right)]


def _charts(chance: random.Random) -> list[Row]:
    def values() -> list[int]:
        return chance.sample(range(10, 100, 10), len(_DAYS))

    subject, charts = "Charts", [values() for _ in range(6)]
    one = [samples.bars(_DAYS, chart) for chart in charts]
    highest, lowest = _DAYS[charts[0].index(max(charts[0]))], _DAYS[charts[5].index(min(charts[5]))]
    over = str(sum(value > 50 for value in charts[2]))
    counts = ("0", "1", "2", "3", "4", "5")
    twice = charts[4], values()
    higher = (
        "the first" if twice[0][2] > twice[1][2] else "the second" if twice[0][2] < twice[1][2] else "they are equal"
    )
    beside = ("the first", "the second", "they are equal")
    return [
        _row(subject, 1, "<image 1> On which day is the bar highest?", _letter(_DAYS, highest), one[:1], _DAYS),
        _row(subject, 2, "What is the value on Thu in the chart? <image 1>", str(charts[1][3]), one[1:2]),
        _row(subject, 3, "How many bars in <image 1> are higher than 50?", _letter(counts, over), one[2:3], counts),
        _row(
            subject, 4, "<image 1> By how much do the bars of Mon and Fri differ?",
            str(abs(charts[3][0] - charts[3][4])), one[3:4],
        ),
        _row(
            subject, 5, "<image 1> <image 2> In which of the two charts is the bar of Wed higher?",
            _letter(beside, higher), [one[4], samples.bars(_DAYS, twice[1])], beside,
        ),
        _row(subject, 6, "<image 1> On which day is the bar lowest?", str([lowest, _LONG[lowest]]), one[5:6]),
    ]  # fmt: skip


_LONG = dict(zip(_DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"), strict=True))


def _tables(chance: random.Random) -> list[Row]:
    def cells(count: int) -> list[list[int]]:
        return [chance.sample(range(100, 2000), len(_QUARTERS)) for _ in range(count)]

    subject = "Tables"
    all_cells = [cells(4), cells(4), cells(4), cells(9), cells(4), cells(3)]
    one = [samples.table(_CITIES[: len(found)], _QUARTERS, found) for found in all_cells]
    best = _CITIES[max(range(4), key=lambda i: all_cells[1][i][2])]
    worst = _CITIES[min(range(9), key=lambda i: all_cells[3][i][0])]
    right = all_cells[4][2][3]
    numbers = [f"{value:,}" for value in sorted({right, right + 10, right - 100, all_cells[4][3][2]})]
    return [
        _row(subject, 1, "<image 1> Which number has Oslo in Q2?", f"{all_cells[0][2][1]:,}", one[:1]),
        _row(
            subject, 2, "<image 1> Which city has the largest number in Q3?", _letter(_CITIES[:4], best), one[1:2],
            _CITIES[:4],
        ),
        _row(subject, 3, "<image 1> What is the sum of the row Lima?", str(sum(all_cells[2][1])), one[2:3]),
        _row(
            subject, 4, "<image 1> Which city has the smallest number in Q1?", _letter(_CITIES, worst), one[3:4],
            _CITIES,
        ),
        _row(subject, 5, "<image 1> What stands at Oslo, Q4?", _letter(numbers, f"{right:,}"), one[4:5], numbers),
        _row(subject, 6, "<image 1> What is the sum of the column Q1?", str(sum(r[0] for r in all_cells[5])), one[5:6]),
    ]  # fmt: skip


def _diagrams(chance: random.Random) -> list[Row]:
    subject = "Diagrams"
    order = chance.sample(("wash", "peel", "cut", "boil", "serve"), 5)
    after, first = order[3], chance.choice(("cut", "boil"))
    flow, other = _flow(order), _flow([first, "taste", "pack"])
    three, five = 3 * chance.randint(1, 3), chance.randint(4, 9)
    legs = three, three // 3 * 4
    ohms = [10 * chance.randint(1, 9) for _ in range(3)]
    sums = sorted({sum(ohms), sum(ohms) + 20, sum(ohms) - 10, max(ohms)})
    names = ("wash", "peel", "cut", "boil", "serve")
    return [
        _row(subject, 1, f"<image 1> Which step follows {order[2]}?", _letter(names, after), [flow], names),
        _row(subject, 2, "<image 1> How many steps does the process have?", "3", [other]),
        _row(
            subject, 3, "<image 1> The triangle has a right angle. How long is its longest side, in cm?",
            str(three // 3 * 5), [_triangle(*legs)],
        ),
        _row(
            subject, 4, "What is the area of the rectangle in <image 1>, in square cm?",
            f"['{5 * five}', '{5 * five}.0']", [_rectangle(five, 5)],
        ),
        _row(
            subject, 5, "<image 1> The resistors are in series. What is their resistance together?",
            _letter([f"{o} ohm" for o in sums], f"{sum(ohms)} ohm"), [_series(ohms)], [f"{o} ohm" for o in sums],
        ),
        _row(subject, 6, "<image 1> What is the last step of the process?", order[-1], [flow]),
    ]  # fmt: skip


def _pictures(chance: random.Random) -> list[Row]:
    subject = "Pictures"
    shown = ["<image 1>", "<image 2>", "<image 3>"]
    counts = chance.sample((2, 4, 7), 3)
    colours = chance.sample((_BLUE, _ORANGE, _GREEN), 3)
    words = chance.sample(_FRUIT, 4)
    count = chance.randint(5, 8)
    more = chance.sample((3, 6), 2)
    total = str(sum(more))
    return [
        _row(
            subject, 1, "Which picture shows most discs?", LETTERS[counts.index(max(counts))],
            [_discs(n, _BLUE) for n in counts], shown,
        ),
        _row(
            subject, 2, "In which picture are the discs green?", LETTERS[colours.index(_GREEN)],
            [_discs(3, colour) for colour in colours], shown,
        ),
        _row(
            subject, 3, "<image 1> <image 2> <image 3> <image 4> Which of these labels says figs?",
            _letter(_PLACES, _PLACES[words.index("figs")]), [_label(word) for word in words], _PLACES,
        ),
        _row(subject, 4, "<image 1> How many discs are there?", str(count), [_discs(count, _RED)]),
        _row(
            subject, 5, "<image 1> <image 2> How many discs are on the two pictures together?",
            f"['{total}', '{_NUMBERS[int(total)]}']", [_discs(n, _GREEN) for n in more],
        ),
        _row(subject, 6, "<image 1> What does the label say?", words[0], [_label(words[0])]),
    ]  # fmt: skip


_NUMBERS = dict(enumerate("zero one two three four five six seven eight nine ten".split()))


def _flow(steps: Sequence[str]) -> Picture:
    canvas = Canvas(180 * len(steps) + 20, 160)
    for i, step in enumerate(steps):
        left = 20 + 180 * i
        canvas.rect((left, 50, left + 130, 110), "#eef4f8", radius=10, edge=_BLUE)
        canvas.text(left + 65, 80, step, 26, _INK, anchor="mm")
        if i + 1 < len(steps):
            canvas.line([(left + 132, 80), (left + 168, 80)], _INK, 2)
            canvas.shape([(left + 178, 80), (left + 164, 73), (left + 164, 87)], _INK)
    return _done(canvas, f"A process: {', then '.join(steps)}")


def _triangle(base: int, height: int) -> Picture:
    canvas = Canvas(420, 420)
    canvas.shape([(80, 340), (340, 340), (80, 60)], "#eef8f0")
    canvas.line([(80, 340), (340, 340), (80, 60), (80, 340)], _GREEN, 3)
    canvas.line([(80, 316), (104, 316), (104, 340)], _GREEN, 2)
    canvas.text(210, 372, f"{base} cm", 26, _INK, anchor="mm")
    canvas.text(70, 200, f"{height} cm", 26, _INK, anchor="rm")
    return _done(canvas, f"A triangle with a right angle between sides of {base} and {height} cm")


def _rectangle(width: int, height: int) -> Picture:
    canvas = Canvas(560, 360)
    canvas.rect((120, 60, 500, 260), "#f3eef8", edge=_INK)
    canvas.text(310, 296, f"{width} cm", 26, _INK, anchor="mm")
    canvas.text(108, 160, f"{height} cm", 26, _INK, anchor="rm")
    return _done(canvas, f"A rectangle of {width} by {height} cm")


def _series(ohms: Sequence[int]) -> Picture:
    canvas = Canvas(640, 220)
    canvas.line([(30, 100), (610, 100)], _INK, 3)
    for i, value in enumerate(ohms):
        left = 80 + 180 * i
        canvas.rect((left, 80, left + 120, 120), "white", edge=_INK)
        canvas.text(left + 60, 156, f"{value} ohm", 24, _INK, anchor="mm")
    return _done(canvas, f"Resistors in series: {', '.join(map(str, ohms))} ohm")


def _discs(count: int, colour: str) -> Picture:
    canvas = Canvas(448, 336)
    for i in range(count):
        x, y = 70 + 102 * (i % 4), 90 + 150 * (i // 4)
        canvas.oval((x - 40, y - 40, x + 40, y + 40), colour)
    return _done(canvas, f"{count} discs")


def _label(word: str) -> Picture:
    canvas = Canvas(448, 168, "#e9e2d4")
    canvas.rect((60, 34, 388, 134), "#fbf8ef", radius=12, edge="#8d8470")
    canvas.text(224, 84, word, 48, _INK, anchor="mm")
    return _done(canvas, f"A label that says {word}")


def _done(canvas: Canvas, alt: str) -> Picture:
    return canvas.finish("vlnb.accuracy.mmmu.drawing", alt).picture
