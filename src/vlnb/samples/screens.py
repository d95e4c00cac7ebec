"""Pictures without a camera, drawn by code: a desktop with windows and buttons, and a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlnb.regions import Box
from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.samples.canvas import Rect, Sample

_TILE = ("rect", (0, 0, 64, 64), "paint", 14, "")
_ICONS = {
    ("Files", "#e9b949"): (("shape", (12, 18, 28, 18, 33, 24, 52, 24, 52, 48, 12, 48), "#ffffff", 0, ""),),
    ("Mail", "#3d7bd9"): (
        ("rect", (12, 19, 52, 46), "#ffffff", 3, ""),
        ("line", (13, 21, 32, 35, 51, 21), "paint", 3, ""),
    ),
    ("Music", "#c2478f"): (
        ("line", (27, 44, 27, 18, 46, 15, 46, 40), "#ffffff", 3, ""),
        ("oval", (17, 39, 29, 49), "#ffffff", 0, ""),
        ("oval", (36, 35, 48, 45), "#ffffff", 0, ""),
    ),
    ("Photos", "#2f9e76"): (
        ("rect", (12, 15, 52, 49), "#ffffff", 3, ""),
        ("shape", (15, 46, 27, 28, 36, 39, 41, 33, 49, 46), "paint", 0, ""),
        ("oval", (40, 19, 47, 26), "paint", 0, ""),
    ),
    ("Trash", "#7d8790"): (
        ("shape", (18, 22, 46, 22, 43, 51, 21, 51), "#ffffff", 0, ""),
        ("rect", (15, 16, 49, 20), "#ffffff", 2, ""),
    ),
}
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
    for i, ((name, colour), rows) in enumerate(_ICONS.items()):
        top = 50 + 128 * i
        canvas.sketch((_TILE, *rows), 66, top, paint=colour)
        canvas.text(98, top + 92, name, 20, "#ffffff", anchor="ms")
        canvas.thing(f"{name} icon", (66, top, 130, top + 64))
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


def _window(canvas: Canvas, rect: Rect, title: str) -> None:
    left, top, right, bottom = rect
    canvas.rect((left + 6, top + 10, right + 6, bottom + 10), (10, 16, 24, 70), radius=10)
    canvas.rect(rect, "#fbfbfa", radius=10, edge="#9aa4ad")
    canvas.rect((left, top, right, top + 38), "#dfe5ea", radius=10)
    canvas.rect((left, top + 24, right, top + 38), "#dfe5ea")
    canvas.text(left + 18, top + 26, title, 19, "#2a2e33")
    for i, colour in enumerate(("#e0604f", "#e6b34a", "#5fae5f")):
        canvas.oval((right - 28 - 26 * i, top + 12, right - 14 - 26 * i, top + 26), colour)
    canvas.thing("window", rect)


def _button(canvas: Canvas, rect: Rect, name: str, fill: str, ink: str) -> Box:
    canvas.rect(rect, fill, radius=7, edge="#8d949c")
    canvas.text((rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2, name, 20, ink, anchor="mm")
    canvas.thing(f"{name} button", rect)
    return Box(*rect, label=f"{name} button")
