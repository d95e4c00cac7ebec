"""The playground: searching 10,000 runs, stopping a matrix of 2 x 2 x 3, and the first paint of the app."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import vlnb
from vlnb.playground import Asker, History, Question, cells

ROOT = Path(__file__).parent.parent
RUNS, WORDS = 10_000, "invoice receipt total date street taxi label amount page table".split()
NOBODY = vlnb.Endpoint("http://127.0.0.1:1/v1", "m")


def search(folder):
    history = History(folder)
    with history._open(write=True) as db:  # noqa: SLF001 - one transaction: adding them one by one takes minutes
        for number in range(RUNS):
            prompt = f"What is the {WORDS[number % 10]} of {WORDS[number // 10 % 10]} {number}?"
            run = {"question": {"prompt": prompt}, "server": "http://a/v1", "model": "m", "state": "done"}
            run |= {"started": "2026-01-02T03:04:05Z", "answer": f"It is {number} " + " ".join(WORDS) * 5}
            db.execute("INSERT INTO runs (run) VALUES (?)", (json.dumps(run),))
    for text in ("", "inv", "taxi 17", "9999", "nothing"):
        times = []
        for _ in range(9):
            start = time.perf_counter()
            found = history.search(text)
            times.append(1000 * (time.perf_counter() - start))
        print(f"search {text!r:>10} of {RUNS:,} runs: {statistics.median(times):6.1f} ms, {len(found)} shown")


def endless():
    """Serve a word every 20 ms, without end; return the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    event = f"data: {json.dumps({'choices': [{'delta': {'content': 'word '}}]})}\n\n".encode()

    def answer(connection):
        try:
            connection.recv(10_000_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            while True:
                connection.sendall(event)
                time.sleep(0.02)
        except OSError:
            connection.close()

    def serve():
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def stop(folder):
    times = []
    for round_ in range(5):
        asker = Asker(History(f"{folder}-{round_}"))
        servers = [vlnb.Endpoint(endless(), "m") for _ in range(2)]
        twelve = cells(Question(""), ["one", "two"], servers, [100_000, 200_000, 400_000])
        work = threading.Thread(target=asker.matrix, args=(twelve,))
        work.start()
        time.sleep(1.5)
        start = time.perf_counter()
        asker.stop()
        work.join()
        times.append(time.perf_counter() - start)
        kept = asker.history.search()
    print(f"Stop of a matrix of {len(twelve)}: {max(times):.3f} s at most; kept {[run.state for run in kept]}")


def paint():
    if not (chromium := shutil.which("chromium")):
        print("first paint of the app: not measured, Chromium is missing")
        return
    from playwright.sync_api import sync_playwright

    environment = {**os.environ, "VLNB_APP_PORT": str(free_port()), "VLNB_RUNS": tempfile.mkdtemp()}
    words = [sys.executable, ROOT / "scripts" / "app.py"]
    start = time.perf_counter()
    server = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = server.stdout.readline().split("… ", 1)[1].strip()
    try:
        while socket.socket().connect_ex(("127.0.0.1", int(environment["VLNB_APP_PORT"]))):
            time.sleep(0.05)
        print(f"the app listens after {time.perf_counter() - start:.1f} s")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for visit in ("first", "second"):
                page = browser.new_page()
                start = time.perf_counter()
                page.goto(address, wait_until="commit")
                page.locator(".vlnb-stage img").wait_for(timeout=90_000)
                shown = time.perf_counter() - start
                script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
                print(f"{visit} visit: first paint {page.evaluate(script) / 1000:.1f} s, the picture {shown:.1f} s")
                page.close()
    finally:
        server.terminate()
        server.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as parent:
        search(Path(parent) / "search")
        stop(Path(parent) / "stop")
    paint()
