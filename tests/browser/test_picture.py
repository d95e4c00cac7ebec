"""Drawing a region on a large, turned picture: by mouse, numbers and keys; and files by drop and paste."""

import base64
import io
import re

from PIL import Image
from playwright.sync_api import expect

from tests.browser.test_launch_panel import notebook

CELL = """
import vlnb
from vlnb.panels.parts import Panel
from vlnb.panels.picture import PictureInput
import ipywidgets as widgets
region_label, files_label = widgets.Label("region"), widgets.Label("files")

def receive(name, data):
    files_label.value += f" {name}:{len(data)}"
    picture.show(vlnb.images.load(data))

picture = PictureInput(receive)
picture.observe(lambda change: setattr(region_label, "value", f"region {list(change['new'])}"), "region")
Panel([picture, region_label, files_label])
"""
GIVE = """([kind, name, data]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
  const target = document.querySelector(kind === "drop" ? ".vlnb-picture" : ".vlnb-panel");
  const options = { bubbles: true, cancelable: true };
  target.dispatchEvent(kind === "drop" ? new DragEvent("drop", { ...options, dataTransfer: files })
    : new ClipboardEvent("paste", { ...options, clipboardData: files }));
}"""
SIDES = ("left", "top", "right", "bottom")


def sideways_jpeg(padding=0):
    """Return a JPEG that is 4,000 pixels wide once its EXIF has turned it, with `padding` bytes more."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (3000, 4000), "white").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue() + bytes(padding)


def give_file(page, kind, name, data):
    """Drop or paste a file."""
    page.evaluate(GIVE, [kind, name, base64.b64encode(data).decode()])


def give_picture(page, kind, data):
    """Drop or paste a picture, and wait until it is shown."""
    give_file(page, kind, f"{kind}.jpg", data)
    stage = page.locator(".vlnb-stage")
    expect(stage).to_have_attribute("aria-label", re.compile("No region of 4000 by 3000 pixels"), timeout=30_000)


def region(page):
    return [page.get_by_label(side, exact=True).input_value() for side in SIDES]


def draw_region_by_mouse_numbers_and_keys(page):
    """Draw a region on a picture of 4,000 by 3,000 pixels, type one, and move it."""
    page.locator(".vlnb-bar").scroll_into_view_if_needed()
    place = page.locator(".vlnb-sheet").bounding_box()
    scale = 4000 / place["width"]
    x, y = place["x"], place["y"]
    page.mouse.move(x + 100, y + 50)
    page.mouse.down()
    page.mouse.move(x + 200, y + 90)
    page.mouse.move(x + 300, y + 150)
    page.mouse.up()
    expect(page.get_by_label("left", exact=True)).not_to_have_value("")
    expected = [scale * offset for offset in (100, 50, 300, 150)]
    assert max(abs(int(a) - b) for a, b in zip(region(page), expected, strict=True)) <= 1, (region(page), expected)
    for side, value in zip(SIDES, (11, 22, 3333, 2222), strict=True):
        page.get_by_label(side, exact=True).fill(str(value))
        page.get_by_label(side, exact=True).press("Enter")
    page.locator(".vlnb-stage").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Alt+ArrowLeft", "d", "d", "b", "Enter"):
        page.keyboard.press(key)
    assert region(page) == ["12", "32", "3333", "2232"]
    page.keyboard.press("Control+z")
    assert region(page) == ["12", "32", "3334", "2232"]


def test_regions_can_be_drawn_and_pictures_dropped_and_pasted(open_notebook):
    page = open_notebook("picture.ipynb", notebook(CELL))
    page.locator(".vlnb-picture").wait_for(timeout=60_000)
    large = sideways_jpeg(5_000_000)
    give_picture(page, "drop", large)
    expect(page.get_by_text(f"drop.jpg:{len(large)}")).to_be_visible()
    draw_region_by_mouse_numbers_and_keys(page)
    label = page.get_by_text(re.compile(r"^region \["))
    expect(label).to_have_text("region [12, 32, 3334, 2232]")
    for name, value in (("top", "2500"), ("right", "4"), ("bottom", "")):  # an incomplete region changes nothing
        page.get_by_label(name, exact=True).fill(value)
        page.get_by_label(name, exact=True).press("Tab")
    expect(page.get_by_label("top", exact=True)).to_have_value("2500")
    expect(label).to_have_text("region [12, 32, 3334, 2232]")
    for name, value in (("top", "22"), ("right", "3333"), ("bottom", "2222")):
        page.get_by_label(name, exact=True).fill(value)
        page.get_by_label(name, exact=True).press("Tab")
    expect(label).to_have_text("region [12, 22, 3333, 2222]")
    page.get_by_role("button", name="No region").click()
    expect(label).to_have_text("region []")
    for name, value in (("left", "5000"), ("top", "5000"), ("right", "5001"), ("bottom", "5001")):  # outside it
        page.get_by_label(name, exact=True).fill(value)
        page.get_by_label(name, exact=True).press("Tab")
    expect(page.get_by_label("left", exact=True)).to_have_value("5000")
    give_picture(page, "paste", sideways_jpeg())
    expect(page.get_by_text(f"paste.jpg:{len(sideways_jpeg())}")).to_be_visible()
    files = [{"name": name, "mimeType": "image/jpeg", "buffer": sideways_jpeg()} for name in ("a.jpg", "b.jpg")]
    page.locator("input[type=file]").set_input_files(files)
    for file in files:
        expect(page.get_by_text(f"{file['name']}:{len(file['buffer'])}")).to_be_visible()
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1
