"""Pictures without a camera, drawn by code: a desktop with windows and buttons, and a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.regions import Box
    from vlnb.samples.sample import Sample

_ICONS = (
    ("Files", "#e9b949"), ("Mail", "#3d7bd9"), ("Music", "#c2478f"), ("Photos", "#2f9e76"), ("Trash", "#7d8790"),
)  # fmt: skip
_LETTER = (
    "Dear Ms Okafor,",
    "Your order 58213 left our warehouse on Monday.",
    "It should reach you by Thursday, 14 May.",
    "Two of the five books are signed copies.",
    "With kind regards, Harbour Books",
)
_BARS = (("Mon", 42), ("Tue", 57), ("Wed", 38), ("Thu", 74), ("Fri", 91))


def desktop() -> Sample:
    """Return a screen of 1440 x 900 pixels: icons, an editor with a letter, buttons, a question, and the clock."""
    canvas = Canvas(1440, 900)
    canvas.gradient((0, 0, 1440, 900), "#24456b", "#6f8fa8")
    canvas.shape([(0, 620), (380, 480), (760, 660), (1110, 500), (1440, 640), (1440, 900), (0, 900)], "#2f5470")
    canvas.shape([(0, 740), (300, 650), (700, 780), (1060, 640), (1440, 770), (1440, 900), (0, 900)], "#26445c")
    for i, (name, colour) in enumerate(_ICONS):
        _icon(canvas, 66, 50 + 128 * i, name, colour)
    _window(canvas, (240, 90, 1080, 640), "letter.txt - Editor")
    for i, name in enumerate(("File", "Edit", "View", "Help")):
        canvas.text(262 + 74 * i, 156, name, 19, "#30343a")
    for i, line in enumerate(_LETTER):
        canvas.text(270, 222 + 48 * i, line, 24, "#1c1e22")
    fields: dict[str, Box] = {}
    for name, left, fill, ink in (("Save", 846, "#2d6cdf", "white"), ("Cancel", 960, "#e4e6ea", "#26282c")):
        fields[name.lower()] = _button(canvas, (left, 580, left + 100, 622), name, fill, ink)
    _window(canvas, (880, 262, 1340, 422), "Question")
    canvas.text(904, 340, "Replace the older file?", 22, "#1c1e22")
    for name, left in (("Yes", 1140), ("No", 1236)):
        fields[name.lower()] = _button(canvas, (left, 366, left + 84, 406), name, "#e4e6ea", "#26282c")
    canvas.rect((0, 852, 1440, 900), (18, 24, 32, 235))
    canvas.oval((14, 860, 46, 892), "#e8edf2")
    canvas.text(70, 884, "Search", 20, "#cfd8e0")
    fields["clock"] = canvas.text(1420, 884, "10:42", 22, "white", anchor="rs")
    alt = "A desktop with five icons, an editor that shows a letter, and a question whether to replace a file"
    return canvas.finish("samples.desktop()", alt, fields=fields)


def chart() -> Sample:
    """Return a bar chart of 960 x 600 pixels: visitors on five days, the numbers above the bars."""
    canvas = Canvas(960, 600)
    canvas.text(480, 58, "The reading room, week 19", 32, "#1c1e22", anchor="ms")
    canvas.text(40, 84, "Visitors", 22, "#4a4f56")
    for value in range(0, 101, 20):
        y = 500 - 4 * value
        canvas.line([(100, y), (920, y)], "#d9dde2", 1)
        canvas.text(88, y, str(value), 20, "#4a4f56", anchor="rm")
    fields = {}
    for i, (day, value) in enumerate(_BARS):
        left = 145 + 158 * i
        canvas.gradient((left, 500 - 4 * value, left + 96, 500), "#3f86c7", "#0072B2")
        canvas.thing("bar", (left, 500 - 4 * value, left + 96, 500))
        fields[day] = canvas.text(left + 48, 490 - 4 * value, str(value), 24, "#1c1e22", anchor="ms")
        canvas.text(left + 48, 534, day, 24, "#1c1e22", anchor="ms")
    canvas.line([(100, 500), (920, 500)], "#4a4f56", 2)
    canvas.text(510, 582, "Day of the week", 22, "#4a4f56", anchor="ms")
    alt = "Bar chart of the visitors of a reading room: " + ", ".join(f"{day} {value}" for day, value in _BARS)
    return canvas.finish("samples.chart()", alt, fields=fields)


def _icon(canvas: Canvas, left: float, top: float, name: str, colour: str) -> None:
    canvas.rect((left, top, left + 64, top + 64), colour, radius=14)
    white = "#ffffff"
    if name == "Files":
        canvas.shape(
            [
                (left + 12, top + 18),
                (left + 28, top + 18),
                (left + 33, top + 24),
                (left + 52, top + 24),
                (left + 52, top + 48),
                (left + 12, top + 48),
            ],
            white,
        )
    elif name == "Mail":
        canvas.rect((left + 12, top + 19, left + 52, top + 46), white, radius=3)
        canvas.line([(left + 13, top + 21), (left + 32, top + 35), (left + 51, top + 21)], colour, 3)
    elif name == "Music":
        canvas.line(
            [(left + 27, top + 44), (left + 27, top + 18), (left + 46, top + 15), (left + 46, top + 40)], white, 3
        )
        canvas.oval((left + 17, top + 39, left + 29, top + 49), white)
        canvas.oval((left + 36, top + 35, left + 48, top + 45), white)
    elif name == "Photos":
        canvas.rect((left + 12, top + 15, left + 52, top + 49), white, radius=3)
        canvas.shape(
            [
                (left + 15, top + 46),
                (left + 27, top + 28),
                (left + 36, top + 39),
                (left + 41, top + 33),
                (left + 49, top + 46),
            ],
            colour,
        )
        canvas.oval((left + 40, top + 19, left + 47, top + 26), colour)
    else:
        canvas.shape(
            [(left + 18, top + 22), (left + 46, top + 22), (left + 43, top + 51), (left + 21, top + 51)], white
        )
        canvas.rect((left + 15, top + 16, left + 49, top + 20), white, radius=2)
    canvas.text(left + 32, top + 92, name, 20, white, anchor="ms")
    canvas.thing(f"{name} icon", (left, top, left + 64, top + 64))


def _window(canvas: Canvas, rect: tuple[float, float, float, float], title: str) -> None:
    left, top, right, bottom = rect
    canvas.rect((left + 6, top + 10, right + 6, bottom + 10), (10, 16, 24, 70), radius=10)
    canvas.rect(rect, "#fbfbfa", radius=10, edge="#9aa4ad")
    canvas.rect((left, top, right, top + 38), "#dfe5ea", radius=10)
    canvas.rect((left, top + 24, right, top + 38), "#dfe5ea")
    canvas.text(left + 18, top + 26, title, 19, "#2a2e33")
    for i, colour in enumerate(("#e0604f", "#e6b34a", "#5fae5f")):
        canvas.oval((right - 28 - 26 * i, top + 12, right - 14 - 26 * i, top + 26), colour)
    canvas.thing("window", rect)


def _button(canvas: Canvas, rect: tuple[float, float, float, float], name: str, fill: str, ink: str) -> Box:
    from vlnb.regions import Box

    canvas.rect(rect, fill, radius=7, edge="#8d949c")
    canvas.text((rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2, name, 20, ink, anchor="mm")
    canvas.thing(f"{name} button", rect)
    return Box(*rect, label=f"{name} button")
