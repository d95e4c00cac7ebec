"""What an interrupted run loses: signals, a full disk and a second resume, at random moments, and then a resume.

    python benchmarks/kills.py [TRIALS OF EACH KIND] [NAME ...]

Every trial is real: `vlnb` as a command, a server of its own, and this system's signals. The full disk is
RLIMIT_FSIZE, set on the running process to a few bytes more than its file of records has (Linux only). "finished" are
the records on disk at the moment of the interruption; a process is alive if it still runs 2 s later. With names, only
the kinds whose name contains one of them are tried. Exits with 1 if anything was lost, doubled, left out, or alive.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
BENCH = "--prompts 120 --concurrency 4 --images 0 --output-len 6"
MMMU = "--drawn --concurrency 2"
HEAD = ("trials", "finished", "lost", "doubled", "left out", "alive after 2 s", "cut midway")


@dataclass(frozen=True)
class Part:
    """One of the two kinds of run: its command, the file of its records, and their number."""

    name: str
    options: str
    records: str
    of: int


PARTS = (Part("bench", BENCH, "requests.jsonl", 120), Part("mmmu", MMMU, "answers.jsonl", 24))


def vlnb(part: Part, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vlnb", part.name, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def ids(file: Path) -> list[object]:
    """Return the ids of the whole lines of a file of records."""
    return [json.loads(line)["id"] for line in file.read_bytes().split(b"\n")[:-1]] if file.exists() else []


def trial(part: Part, url: str, harm: object, seed: int) -> Counter[str]:
    """Interrupt one run by `harm(part, command, load generator, folder)`, resume it, and count its records."""
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name) / "run", random.Random(seed)
        file = folder / part.records
        command = vlnb(part, "run", "--url", url, "--out", folder, *part.options.split())
        give_up = time.monotonic() + 60
        while not ids(file) and command.poll() is None and time.monotonic() < give_up:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.8))
        try:
            load = [*psutil.Process(command.pid).children(), psutil.Process(command.pid)][0]
        except psutil.NoSuchProcess:  # the run has already ended
            load = None
        before = set(ids(file))
        if load:
            harm(part, command, load, folder)
        counts = Counter(trials=1, finished=len(before))
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and running(load):
            time.sleep(0.02)
        counts["alive after 2 s"] += running(load)
        command.kill()
        command.communicate()
        after = ids(file)
        counts["cut midway"] += len(after) < part.of
        if len(set(after)) < part.of:
            resumed = vlnb(part, "resume", folder, *(() if part.name == "bench" else ("--url", url)))
            printed = resumed.communicate()[1]
            if resumed.returncode:
                print(f"{part.name}: a resume failed: {printed[-300:]}", file=sys.stderr)
        last = Counter(ids(file))
        counts["lost"] += len(before - set(after)) + len(set(after) - last.keys())
        counts["doubled"] += sum(count > 1 for count in last.values())
        counts["left out"] += part.of - len(last)
        return counts


def running(process: psutil.Process | None) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return process is not None and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def signalled(number: signal.Signals, whom: str, _: Part, command: object, load: psutil.Process, __: Path) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        (command if whom == "command" else load).send_signal(number)


def full_disk(part: Part, _: object, load: psutil.Process, folder: Path) -> None:
    size = (folder / part.records).stat().st_size + 300
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(load.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def second_resume(part: Part, command: subprocess.Popen[str], _: psutil.Process, folder: Path) -> None:
    """Resume a run that is still running: this must be refused, and the first must run to its end."""
    manifest = json.loads((folder / "manifest.json").read_text())
    servers = () if part.name == "bench" else ("--url", manifest["servers"][0]["base_url"])
    second = vlnb(part, "resume", folder, *servers)
    printed = second.communicate()[1]
    if not ("Another process is running" in printed or "is complete" in printed):
        print(f"{part.name}: the second resume was not refused: {printed[-300:]}", file=sys.stderr)
    command.wait(60)


def kinds() -> dict[str, tuple[Part, object]]:
    """Return every kind of trial by its name."""
    trials: dict[str, tuple[Part, object]] = {}
    for part in PARTS:
        for whom in ("command", "load generator") if part.name == "bench" else ("command",):
            for number in SIGNALS:
                trials[f"{part.name}: {number.name} to the {whom}"] = part, partial(signalled, number, whom)
        trials[f"{part.name}: full disk"] = part, full_disk
        trials[f"{part.name}: second resume"] = part, second_resume
    return trials


def main(each: int, *names: str) -> int:
    servers, urls = [], {}
    for part, words in (("bench", "truth --ttft 0.03"), ("mmmu", "answering --delay 0.1")):
        command = [sys.executable, "-m", *f"tests.bench.{words}".split()]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        urls[part] = f"http://127.0.0.1:{servers[-1].stdout.readline().strip()}/v1"
    chosen = {kind: spec for kind, spec in kinds().items() if not names or any(name in kind for name in names)}
    print(f"{'':<40}" + "".join(f"{head:>17}" for head in HEAD), flush=True)
    total: Counter[str] = Counter()
    try:
        with ThreadPoolExecutor(2) as pool:
            running_trials = {
                kind: [pool.submit(trial, part, urls[part.name], harm, seed) for seed in range(each)]
                for kind, (part, harm) in chosen.items()
            }
            for kind, trials in running_trials.items():
                counts = sum((future.result() for future in trials), Counter())
                total += counts
                print(f"{kind:<40}" + "".join(f"{counts[head]:17}" for head in HEAD), flush=True)
    finally:
        for server in servers:
            server.kill()
    print(f"{'all':<40}" + "".join(f"{total[head]:17}" for head in HEAD))
    return 1 if any(total[bad] for bad in HEAD[2:6]) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, *sys.argv[2:]))
