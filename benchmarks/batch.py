"""A batch against a bare loop, its memory, kills, and the same on Ray.

    python benchmarks/batch.py [PICTURES] [rate | memory | kills | ray …]

The pictures are small receipts (308 x 196), the server is `tests.bench.answering`, which answers at once: what is
measured is the client. "bare" is an asyncio loop with the same preparation of pictures, the same body and 32 requests
at once, and nothing else: no retries, no table. The two run in turns, because another process on the machine slows
whichever runs; "steady" leaves out what the first fifth took, and with it the start. Memory is the most that the
process ever held, in MB. A kill is SIGKILL at a random moment of `vlnb batch`, one after another over the same folder
of answers, and then a last start to the end. Ray is one node, started here. Exits with 1 where a row was lost or
doubled.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).parent.parent
PARTS = ("rate", "memory", "kills", "ray")
QUESTION, AT_ONCE, KILLS, TURNS = "What is it?", 32, 10, 3
QUIET = subprocess.DEVNULL


def draw(folder: Path, count: int) -> list[str]:
    folder.mkdir()
    paths = [folder / f"{number:05}.png" for number in range(count)]
    for number, path in enumerate(paths):
        picture, text = Image.new("RGB", (308, 196), "white"), f"CORNER CAFE\nCoffee {number}\nTOTAL {number}"
        ImageDraw.Draw(picture).multiline_text((14, 14), text, "black", spacing=12)
        picture.save(path)
    return list(map(str, paths))


async def bare(url: str, paths: list[str]) -> list[str]:
    """Ask about every picture, with the preparation and the body of a batch, and nothing else."""
    import httpx2

    from vlnb import images

    turns = asyncio.Semaphore(AT_ONCE)

    def body(path: str) -> bytes:
        uri = images.data_uri(images.load(path).seen())
        parts = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": QUESTION}]
        asked = {"model": "oracle", "messages": [{"role": "user", "content": parts}], "stream": True}
        return json.dumps({**asked, "max_tokens": 1024, "stream_options": {"include_usage": True}}).encode()

    async def one(path: str, client: httpx2.AsyncClient) -> str:
        async with turns:
            sent = await asyncio.to_thread(body, path)
            got = await client.post(f"{url}/chat/completions", content=sent)
        chunks = [json.loads(line[6:]) for line in got.text.splitlines() if line.startswith("data: {")]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])

    async with httpx2.AsyncClient(limits=httpx2.Limits(), timeout=60, trust_env=False) as client:
        return await asyncio.gather(*(one(path, client) for path in paths))


def measured(kind: str, url: str, folder: Path, count: int, out: Path) -> None:
    """Do one run in this process, and print its seconds and its memory."""
    paths = sorted(map(str, folder.iterdir()))[:count]
    from vlnb import batch

    begun = time.perf_counter()
    if kind == "bare":
        rows = len(asyncio.run(bare(url, paths)))
    else:
        options = {"runner": "ray"} if kind == "ray" else {}
        batch.process(paths, QUESTION, out, endpoints=url, concurrency=AT_ONCE, **options)
        seconds = time.perf_counter() - begun
        table = batch.read(out).frame()
        rows = int(table["error"].isna().sum()) if table["path"].is_unique else 0
    if kind == "bare":
        seconds = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "memory": memory}))


def run(kind: str, url: str, folder: Path, count: int) -> dict[str, float]:
    # Without compiled modules, the start of each process would compile pandas and others anew.
    cached = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, __file__, "--one", kind, url, str(folder), str(count), f"{out}/answers"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=cached)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def rate(url: str, folder: Path, count: int) -> bool:
    """Print the rates of both, in turns, and say whether no row was lost."""
    good, seconds, steady = True, {"bare": 0.0, "batch": 0.0}, {"bare": 0.0, "batch": 0.0}
    for _ in range(TURNS):
        for kind in seconds:
            few, every = (run(kind, url, folder, rows) for rows in (count // 5, count))
            good &= (few["rows"], every["rows"]) == (count // 5, count)
            seconds[kind] += every["seconds"]
            steady[kind] += every["seconds"] - few["seconds"]
            rates = count / every["seconds"], (count - count // 5) / (every["seconds"] - few["seconds"])
            print(f"rate     {kind:6} {count:6,} rows  {rates[0]:7.1f} rows/s  steady {rates[1]:7.1f}", flush=True)
    ratios = (one["bare"] / one["batch"] for one in (seconds, steady))
    print("rate     batch / bare: {:.2f}, steady {:.2f}".format(*ratios))
    return good


def table(out: Path) -> dict[str, float]:
    """Return the answers on disk by their key: the seconds that each took, which no second answer repeats."""
    from vlnb import batch

    if not list(out.glob("*/_job.json")):
        return {}
    frame = batch.read(out).frame()
    return dict(zip(frame["key"], frame["seconds"], strict=True)) if frame["path"].is_unique else {}


def kills(url: str, folder: Path, count: int) -> bool:
    """Kill a batch at ten moments, and say whether every picture is there once in the end."""
    chance, lost, kept, seen = random.Random(0), 0, {}, []
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        words = ["batch", str(folder), "--prompt", QUESTION, "--out", name, "--url", url]
        for number in range(KILLS + 1):
            job = subprocess.Popen([sys.executable, "-m", "vlnb", *words], stdout=QUIET, stderr=QUIET, cwd=ROOT)
            if number < KILLS:
                time.sleep(chance.uniform(1.5, 4.5))
                job.kill()
            job.wait()
            now = table(out)
            lost += sum(now.get(key) != seconds for key, seconds in kept.items())
            kept = now
            seen.append(len(now))
            for made in out.glob("*/_job.json"):
                (made.parent / "part-1.parquet").write_bytes(b"PAR1 torn")
    print(f"kills    rows on disk after each of {KILLS}, and at the end: {seen}; {lost} lost or asked again")
    return job.returncode == 0 and len(kept) == count and not lost


def main(count: int, parts: list[str]) -> int:
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        draw(folder, count)
        served = [sys.executable, "-m", "tests.bench.answering"]
        server, slow = (
            subprocess.Popen([*served, "--delay", delay], stdout=subprocess.PIPE, stderr=QUIET, text=True, cwd=ROOT)
            for delay in ("0", "0.3")
        )
        try:
            url, late = (f"http://127.0.0.1:{one.stdout.readline().strip()}/v1" for one in (server, slow))
            kinds = {"memory": [("batch", count // 5), ("batch", count)]}
            kinds["ray"] = [("ray", min(count, 500))] if importlib.util.find_spec("ray") else []
            for part in parts:
                for kind, rows in kinds.get(part, []):
                    found = run(kind, url, folder, rows)
                    good &= found["rows"] == rows
                    told = f"{found['rows'] / found['seconds']:7.1f} rows/s  {found['memory']:6.0f} MB"
                    print(f"{part:8} {kind:6} {rows:6,} rows  {told}", flush=True)
                if part == "rate":
                    good &= rate(url, folder, count)
                if part == "kills":
                    good &= kills(late, folder, count)
        finally:
            for one in (server, slow):
                one.kill()
                one.communicate()
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        kind, url, pictures, rows, out = sys.argv[2:]
        measured(kind, url, Path(pictures), int(rows), Path(out))
    else:
        given = sys.argv[1:]
        sizes = [int(word) for word in given if word.isdigit()]
        sys.exit(main(sizes[0] if sizes else 5000, [word for word in given if word in PARTS] or list(PARTS)))
