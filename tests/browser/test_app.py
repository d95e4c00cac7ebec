"""The app in Chromium: behind its token, offline, on a wide and on a narrow screen, in both themes, without a mouse."""

import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, SHOTS
from tests.browser.tabbing import tab_through
from tests.browser.test_contrast import FAINT
from tests.browser.test_picture import draw_region_by_mouse_numbers_and_keys, give_file, give_picture, sideways_jpeg
from tests.conftest import free_port
from vlnb import samples


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    port = free_port()
    folder = tmp_path_factory.mktemp("app")
    environment = {**os.environ, "VLNB_APP_PORT": str(port), "VLNB_RUNS": str(folder)}
    with (folder / "app.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "app.py"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
    address = server.stdout.readline().split("… ", 1)[1].strip()
    server.stdout.readline()
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            server.poll()
            time.sleep(0.1)
    yield address
    server.terminate()
    server.wait(20)
    server.stdout.close()


@pytest.fixture
def open_page(app, chromium):
    """Open a page of the app. At the end, store a screenshot, and check for console errors and for other hosts."""
    pages, hosts, console_errors = [], set(), []

    def start(name, width, theme="light"):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        pages.append((SHOTS / f"app-{name}-{width}-{theme}.png", page))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.on("console", lambda message: console_errors.append(message.text) if message.type == "error" else None)
        page.goto(app.replace("render/playground", f"render/{name}"))
        page.locator(".vlnb-panel button").first.wait_for(timeout=90_000)
        return page

    yield start
    for shot, page in pages:
        page.screenshot(path=shot)
        page.close()
    assert hosts - {None, ""} == {"127.0.0.1"}  # None: a picture in the page itself
    assert console_errors == []


def check_layout_and_contrast(page):
    """Check that nothing is wider than the screen, and that text is legible in both themes of the reader's system."""
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = "(most) => [...document.querySelectorAll('.vlnb-panel :is(p, select, textarea)')]"
    wide += ".filter((one) => one.getBoundingClientRect().right > most).map((one) => one.outerHTML.slice(0, 80))"
    assert page.evaluate(wide, width) == []
    for theme, ground in (("dark", "rgb(33, 33, 33)"), ("light", "rgb(255, 255, 255)")):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("#rendered_cells")).to_have_css("background-color", ground)
        assert page.evaluate(FAINT) == [], theme


def test_the_playground_asks_and_compares_on_a_phone(open_page):
    page = open_page("playground", 390, "dark")
    place = page.locator(".vlnb-sheet").bounding_box()
    page.mouse.move(place["x"] + 10, place["y"] + place["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 10, place["y"] + place["height"] - 10)
    page.mouse.up()
    expect(page.get_by_label("left", exact=True)).to_have_value(str(round(10 * 640 / place["width"])))
    page.get_by_text(re.compile(r"receipt.png \[")).first.wait_for()
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile("1 box read"))).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="No region").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    runs = page.get_by_label("Runs", exact=True)
    expect(runs.locator("option").nth(1)).to_be_attached(timeout=60_000)
    runs.select_option(index=[0, 1])
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text(re.compile("Changed: regions"))).to_be_visible()
    check_layout_and_contrast(page)
    page.get_by_role("button", name="ZIP file", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download vlnb-runs.zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.read("runs.jsonl").count(b"\n") == 2


def test_tabbing_regions_drop_and_paste_work_in_the_app(open_page):
    page = open_page("playground", 1280)
    tab_through(page)
    give_picture(page, "drop", sideways_jpeg())
    draw_region_by_mouse_numbers_and_keys(page)
    give_picture(page, "paste", sideways_jpeg())
    expect(page.get_by_label("Pictures", exact=True).locator("option")).to_have_text(
        ["1: receipt.png", "2: drop.jpg", "3: paste.jpg"]
    )
    page.get_by_role("button", name="New", exact=True).click()
    give_file(page, "drop", "clip.mp4", samples.clip(3, words=1).data)
    page.get_by_text("clip.mp4: frames as pictures").wait_for()
    page.get_by_label("Prompt", exact=True).fill("Describe what happens, with times.")
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    page.get_by_text("Each bar runs from 0 to 3.00 seconds").wait_for(timeout=60_000)
    check_layout_and_contrast(page)


def test_a_page_of_the_app_links_to_all_four_pages(open_page):
    page = open_page("launch", 390)
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(4)
    check_layout_and_contrast(page)


def test_without_the_token_nothing_is_shown(app, chromium):
    page = chromium.new_context().new_page()
    page.goto(app.partition("?")[0])
    assert page.locator(".vlnb-panel").count() == 0
    assert "login" in page.url
    page.close()
