"""The app in Chromium: behind its token, offline, on a wide and on a narrow screen."""

import os
import re
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, SHOTS


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
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


@pytest.mark.parametrize(("page_name", "width"), [("playground", 1280), ("playground", 390), ("launch", 390)])
def test_a_page_is_whole_and_loads_nothing_from_elsewhere(app, chromium, page_name, width):
    page, asked, wrong = chromium.new_page(viewport={"width": width, "height": 900}), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(app.replace("render/playground", f"render/{page_name}"))
    page.locator(".vlnb-panel button").first.wait_for(timeout=90_000)
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(4)
    hosts = {urlsplit(url).hostname for url in asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert wrong == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if page_name == "playground":
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
        wide = "(most) => [...document.querySelectorAll('.vlnb-panel p, .vlnb-panel select, .vlnb-panel textarea')]"
        wide += ".filter((one) => one.getBoundingClientRect().right > most).map((one) => one.outerHTML.slice(0, 80))"
        assert page.evaluate(wide, width) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=SHOTS / f"app-{page_name}-{width}.png", full_page=True)
    page.close()


def test_without_the_token_nothing_is_shown(app, chromium):
    page = chromium.new_context().new_page()
    page.goto(app.partition("?")[0])
    assert page.locator(".vlnb-panel").count() == 0
    assert "login" in page.url
    page.close()
