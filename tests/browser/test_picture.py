"""Drawing a region on a large, turned picture: by mouse, numbers and keys; and files by drop and paste."""

import re

from playwright.sync_api import expect

from tests.browser.test_launch_panel import notebook

CELL = """
import io
from PIL import Image
import vlnb
from vlnb.panels.parts import Panel
from vlnb.panels.picture import PictureInput
import ipywidgets as widgets
turned = Image.new("RGB", (3000, 4000), "white").getexif()
turned[0x0112] = 6
buffer = io.BytesIO()
Image.new("RGB", (3000, 4000), "white").save(buffer, "JPEG", exif=turned)
said, got = widgets.Label("region"), widgets.Label("files")
one = PictureInput(lambda name, data: setattr(got, "value", f"{got.value} {name}:{len(data)}"))
one.observe(lambda change: setattr(said, "value", f"region {list(change['new'])}"), "region")
one.show(vlnb.images.load(buffer.getvalue()))
Panel([one, said, got])
"""
FILES = """([kind, size]) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(size)], kind + ".png", { type: "image/png" }));
  const target = document.querySelector(".vlnb-stage");
  const options = { bubbles: true, cancelable: true };
  target.dispatchEvent(kind === "drop" ? new DragEvent("drop", { ...options, dataTransfer: files })
    : new ClipboardEvent("paste", { ...options, clipboardData: files }));
}"""


def test_a_region_by_mouse_numbers_and_keys_and_files(open_notebook):
    page = open_notebook("picture.ipynb", notebook(CELL))
    stage, sheet = page.locator(".vlnb-stage"), page.locator(".vlnb-sheet")
    stage.wait_for(timeout=60_000)
    expect(stage).to_have_attribute("aria-label", re.compile("No region of 4000 by 3000 pixels"))
    place = sheet.bounding_box()
    scale = 4000 / place["width"]
    x, y = place["x"], place["y"]
    page.mouse.move(x + 100, y + 50)
    page.mouse.down()
    page.mouse.move(x + 200, y + 90)
    page.mouse.move(x + 300, y + 150)
    page.mouse.up()
    label = page.get_by_text(re.compile(r"^region \["))
    expect(label).to_be_visible()
    found = [int(one) for one in re.findall(r"\d+", label.inner_text())]
    wanted = [scale * one for one in (100, 50, 300, 150)]
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 1, (found, wanted)
    for name, value in zip(("left", "top", "right", "bottom"), (11, 22, 3333, 2222), strict=True):
        page.get_by_label(name, exact=True).fill(str(value))
        page.get_by_label(name, exact=True).press("Enter")
    expect(label).to_have_text("region [11, 22, 3333, 2222]")
    for name, value in (("top", "2500"), ("right", "4"), ("bottom", "")):  # half of another region changes nothing
        page.get_by_label(name, exact=True).fill(value)
        page.get_by_label(name, exact=True).press("Tab")
    expect(page.get_by_label("top", exact=True)).to_have_value("2500")
    expect(label).to_have_text("region [11, 22, 3333, 2222]")
    for name, value in (("top", "22"), ("right", "3333"), ("bottom", "2222")):
        page.get_by_label(name, exact=True).fill(value)
        page.get_by_label(name, exact=True).press("Tab")
    page.get_by_role("button", name="No region").click()
    expect(label).to_have_text("region []")
    for name, value in zip(("left", "top", "right", "bottom"), (11, 22, 3333, 2222), strict=True):
        page.get_by_label(name, exact=True).fill(str(value))
        page.get_by_label(name, exact=True).press("Tab")
    expect(label).to_have_text("region [11, 22, 3333, 2222]")
    stage.focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Alt+ArrowLeft", "d", "d", "b", "Enter"):
        page.keyboard.press(key)
    expect(label).to_have_text("region [12, 32, 3333, 2232]")
    page.keyboard.press("Control+z")
    expect(label).to_have_text("region [12, 32, 3334, 2232]")
    for kind, size in (("drop", 5_000_000), ("paste", 300_000)):
        page.evaluate(FILES, [kind, size])
        expect(page.get_by_text(f"{kind}.png:{size}")).to_be_visible(timeout=20_000)
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1
