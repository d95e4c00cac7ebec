"""PDF pages are drawn by a separate process, whose memory and time are bounded."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from PIL import Image

from tests.bombs import pdf_bomb
from vlnb import BadInput, images
from vlnb.images.pdf import Document

MAX_PIXELS = 1_000_000  # a small page: its process may take 208 MB
NO_LIMIT = 10 * images.MAX_FILE_PIXELS  # of memory, which a busy machine may reach before its time


def pdf(count=3):
    first, *rest = (Image.new("RGB", (300, 200), (40 * i, 0, 0)) for i in range(count))
    buffer = io.BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=rest, resolution=100)
    return buffer.getvalue()


def children():
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has just ended
            found |= {child} if "pdf_child.py" in " ".join(child.cmdline()) else set()
    return found


@pytest.fixture(autouse=True)
def _no_process_is_left():
    before = children()
    yield
    assert children() <= before


def test_a_small_file_cannot_exhaust_the_memory():
    with pytest.raises(BadInput, match=r"page 1, needs more than 208 MB of memory to be drawn. Export the page"):
        images.load(pdf_bomb(), max_pixels=MAX_PIXELS)


def test_drawing_a_page_times_out():
    start = time.monotonic()
    with pytest.raises(BadInput, match=r"page 1, was not drawn within 0.4 s.*pass a larger timeout_s"):
        images.load(pdf_bomb(), timeout_s=0.4, max_pixels=NO_LIMIT)
    assert time.monotonic() - start < 5


def test_the_limit_of_the_process_itself_is_reported_as_a_time_limit(monkeypatch):
    monkeypatch.setattr("vlnb.images.pdf._LOOK_S", 60)
    with pytest.raises(BadInput, match=r"page 1, was not drawn within 0.4 s.*pass a larger timeout_s"):
        images.load(pdf_bomb(), timeout_s=0.4, max_pixels=NO_LIMIT)


@pytest.mark.parametrize("timeout_s", [float("inf"), float("nan"), 1e300])
def test_the_time_for_a_page_may_be_unlimited(timeout_s):
    assert images.load(pdf(), timeout_s=timeout_s).size == images.load(pdf()).size


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit a process's data")
def test_the_kernel_limits_the_memory_between_two_checks(monkeypatch):
    monkeypatch.setattr("vlnb.images.pdf._LOOK_S", 60)
    with pytest.raises(BadInput, match=r"ended the process that drew it \(by SIG\w+\).*more than 416 MB of memory"):
        images.load(pdf_bomb(), max_pixels=MAX_PIXELS)


def test_a_killed_process_is_reported_and_the_next_page_is_drawn():
    def kill():
        while not (found := children()):
            time.sleep(0.01)
        for child in found:
            child.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(BadInput, match=r"page 1, ended the process that drew it .by SIGKILL"):
        Document(pdf_bomb(), "a bomb", max_pixels=NO_LIMIT, timeout_s=60).draw(0, 150)
    killer.join()
    assert images.load(pdf(), page=2).size == images.load(pdf()).size


def test_the_watch_function_can_stop_the_drawing():
    start = time.monotonic()

    def watch():
        if time.monotonic() - start > 0.5:
            raise EOFError("the client has gone")

    document = Document(pdf_bomb(), "a bomb", max_pixels=NO_LIMIT, timeout_s=60, watch=watch)
    with pytest.raises(EOFError):
        document.draw(0, 150)
    assert time.monotonic() - start < 5


def test_ctrl_c_stops_the_drawing():
    main_thread = threading.main_thread().ident
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main_thread, signal.SIGINT))
    timer.start()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            images.load(pdf_bomb(), max_pixels=NO_LIMIT)
    finally:
        timer.cancel()  # or it would interrupt another test
    assert time.monotonic() - start < 5


def test_the_process_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "bomb.pdf").write_bytes(pdf_bomb())
    script = f"from vlnb import images; images.load({str(tmp_path / 'bomb.pdf')!r}, timeout_s=1)"
    parent = psutil.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    found = []
    with contextlib.suppress(psutil.Error):
        while not found:
            found = parent.children()
            time.sleep(0.01)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    exited, alive = psutil.wait_procs(found, timeout=10)
    assert exited
    assert not alive


def test_a_large_page_is_returned_whole():
    """Each row must lie where it belongs."""
    image = Image.new("RGB", (1000, 1400), "white")
    for y in range(0, 1400, 100):
        image.paste((y // 6, 0, 200), (0, y, 1000, y + 50))
    buffer = io.BytesIO()
    image.save(buffer, "PDF", resolution=72)
    page = images.load(buffer.getvalue(), dpi=144)
    assert page.size == (2000, 2800)
    for y in range(0, 1400, 100):
        assert page.image.getpixel((1999, 2 * y + 50)) == pytest.approx((y // 6, 0, 200), abs=8)
        assert page.image.getpixel((1, 2 * y + 150)) == pytest.approx((255, 255, 255), abs=8)
