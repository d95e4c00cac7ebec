"""A batch against a bare loop: its rate, its memory, what kills lose, and the same on Ray.

    python benchmarks/batch.py [PICTURES] [rate | memory | kills | ray …]

The pictures are small receipts (308 x 196), and the server is `tests.bench.answering`, which answers at once, so that
only the client is measured. "bare" is an asyncio loop with the same preparation of pictures, the same body and 32
requests at once, and nothing else: no retries, no table. The two take turns, so that other load on the machine slows
both alike; "steady" excludes the time of the first fifth, and with it the start. Memory is the peak of the process, in
MB. A kill is SIGKILL at a random moment of `vlnb batch`, several times over the same folder of answers, before a last
start that runs to the end. Ray is one node, started here. Exits with 1 if a row was lost or doubled.
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

    slots = asyncio.Semaphore(AT_ONCE)

    def body(path: str) -> bytes:
        uri = images.data_uri(images.load(path).seen())
        parts = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": QUESTION}]
        request = {"model": "oracle", "messages": [{"role": "user", "content": parts}], "stream": True}
        return json.dumps({**request, "max_tokens": 1024, "stream_options": {"include_usage": True}}).encode()

    async def ask(path: str, client: httpx2.AsyncClient) -> str:
        async with slots:
            content = await asyncio.to_thread(body, path)
            response = await client.post(f"{url}/chat/completions", content=content)
        chunks = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])

    async with httpx2.AsyncClient(limits=httpx2.Limits(), timeout=60, trust_env=False) as client:
        return await asyncio.gather(*(ask(path, client) for path in paths))


def measure(kind: str, url: str, folder: Path, count: int, out: Path) -> None:
    """Run once in this process, and print the seconds and the memory."""
    paths = sorted(map(str, folder.iterdir()))[:count]
    from vlnb import batch

    start = time.perf_counter()
    if kind == "bare":
        rows = len(asyncio.run(bare(url, paths)))
    else:
        options = {"runner": "ray"} if kind == "ray" else {}
        batch.process(paths, QUESTION, out, endpoints=url, concurrency=AT_ONCE, **options)
        seconds = time.perf_counter() - start
        table = batch.read(out).frame()
        rows = int(table["error"].isna().sum()) if table["path"].is_unique else 0
    if kind == "bare":
        seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "memory": memory}))


def run(kind: str, url: str, folder: Path, count: int) -> dict[str, float]:
    # Without cached bytecode, each process would compile pandas and others again at its start.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, "--one", kind, url, str(folder), str(count), f"{out}/answers"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        sys.exit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def rate(url: str, folder: Path, count: int) -> bool:
    """Print the rates of both, in turns, and return whether no row was lost."""
    good, seconds, steady = True, {"bare": 0.0, "batch": 0.0}, {"bare": 0.0, "batch": 0.0}
    for _ in range(TURNS):
        for kind in seconds:
            part, whole = (run(kind, url, folder, rows) for rows in (count // 5, count))
            good &= (part["rows"], whole["rows"]) == (count // 5, count)
            seconds[kind] += whole["seconds"]
            steady[kind] += whole["seconds"] - part["seconds"]
            rates = count / whole["seconds"], (count - count // 5) / (whole["seconds"] - part["seconds"])
            print(f"rate     {kind:6} {count:6,} rows  {rates[0]:7.1f} rows/s  steady {rates[1]:7.1f}", flush=True)
    ratios = (times["bare"] / times["batch"] for times in (seconds, steady))
    print("rate     batch / bare: {:.2f}, steady {:.2f}".format(*ratios))
    return good


def table(out: Path) -> dict[str, float]:
    """Return the seconds of each answer on disk by its key: a repeated answer would differ in its seconds."""
    from vlnb import batch

    if not list(out.glob("*/_job.json")):
        return {}
    frame = batch.read(out).frame()
    return dict(zip(frame["key"], frame["seconds"], strict=True)) if frame["path"].is_unique else {}


def kills(url: str, folder: Path, count: int) -> bool:
    """Kill a batch at ten moments, and return whether every picture has exactly one answer in the end."""
    rng, lost, kept, row_counts = random.Random(0), 0, {}, []
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        arguments = ["batch", str(folder), "--prompt", QUESTION, "--out", name, "--url", url]
        for number in range(KILLS + 1):
            job = subprocess.Popen([sys.executable, "-m", "vlnb", *arguments], stdout=QUIET, stderr=QUIET, cwd=ROOT)
            if number < KILLS:
                time.sleep(rng.uniform(1.5, 4.5))
                job.kill()
            job.wait()
            current = table(out)
            lost += sum(current.get(key) != seconds for key, seconds in kept.items())
            kept = current
            row_counts.append(len(current))
            for job_file in out.glob("*/_job.json"):
                (job_file.parent / "part-1.parquet").write_bytes(b"PAR1 torn")
    print(f"kills    rows on disk after each of {KILLS}, and at the end: {row_counts}; {lost} lost or asked again")
    return job.returncode == 0 and len(kept) == count and not lost


def main(count: int, parts: list[str]) -> int:
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        draw(folder, count)
        command = [sys.executable, "-m", "tests.bench.answering"]
        server, slow = (
            subprocess.Popen([*command, "--delay", delay], stdout=subprocess.PIPE, stderr=QUIET, text=True, cwd=ROOT)
            for delay in ("0", "0.3")
        )
        try:
            url, slow_url = (f"http://127.0.0.1:{process.stdout.readline().strip()}/v1" for process in (server, slow))
            kinds = {"memory": [("batch", count // 5), ("batch", count)]}
            kinds["ray"] = [("ray", min(count, 500))] if importlib.util.find_spec("ray") else []
            for part in parts:
                for kind, rows in kinds.get(part, []):
                    result = run(kind, url, folder, rows)
                    good &= result["rows"] == rows
                    figures = f"{result['rows'] / result['seconds']:7.1f} rows/s  {result['memory']:6.0f} MB"
                    print(f"{part:8} {kind:6} {rows:6,} rows  {figures}", flush=True)
                if part == "rate":
                    good &= rate(url, folder, count)
                if part == "kills":
                    good &= kills(slow_url, folder, count)
        finally:
            for process in (server, slow):
                process.kill()
                process.communicate()
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        kind, url, pictures, rows, out = sys.argv[2:]
        measure(kind, url, Path(pictures), int(rows), Path(out))
    else:
        arguments = sys.argv[1:]
        sizes = [int(word) for word in arguments if word.isdigit()]
        sys.exit(main(sizes[0] if sizes else 5000, [word for word in arguments if word in PARTS] or list(PARTS)))
