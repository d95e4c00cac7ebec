"""How near the load generator comes to the truth, beside `sglang.bench_serving` 0.5.6, in one run.

A server of known timing (first token after 100 ms, 64 tokens 10 ms apart) stamps what it really did. Both clients send
2 noise pictures of 720p a request, in turns, after a warm-up. At one user a bare socket sends the same bodies too: no
client can be nearer to the truth on this machine. `VLNB_ENGINE` names the folder of `make test-engine`, whose
environment holds the reference; without it ours is measured alone. Numbers vary from hour to hour: compare the ratios.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

import vlnb
from vlnb.bench import bodies, metrics, sglang
from vlnb.bench.workload import Workload

ENGINE = Path(os.environ.get("VLNB_ENGINE", Path.home() / ".cache" / "vlnb-engine"))
LOADS = [int(n) for n in os.environ.get("LOADS", "1,8,32,100").split(",")]
ROUNDS = int(os.environ.get("ROUNDS", "1"))
CLOCKED = """
import asyncio, runpy, time
run, gather = asyncio.run, asyncio.gather
def begun(main):
    global before
    before = time.process_time()
    return run(main)
async def gathered(*tasks, **more):
    answers = await gather(*tasks, **more)
    print(len(tasks), "answers, CPU seconds:", time.process_time() - before)
    return answers
asyncio.run, asyncio.gather = begun, gathered
runpy.run_module("sglang.bench_serving", run_name="__main__", alter_sys=True)
"""  # twice: after the warm-up and after the last answer, before it counts tokens
TTFT_S, GAP_S, TOKENS = 0.1, 0.01, 64


def truth(port):
    """Return the server's own stamps since they were last asked for: mean TTFT and P99 gap in ms."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/truth") as answer:
        stamps = [np.array(one) for one in json.load(answer)]
    stamps = stamps[1:]  # the warm-up
    first = np.mean([one[1] - one[0] for one in stamps])
    return {"ttft": 1000 * first, "itl99": 1000 * np.percentile(np.concatenate([np.diff(o[1:]) for o in stamps]), 99)}


def ours(port, workload, folder):
    endpoint = vlnb.Endpoint(f"http://127.0.0.1:{port}/v1", "truth")
    began = time.perf_counter()
    stored = vlnb.bench.run(workload, endpoint, folder)
    wall, real = time.perf_counter() - began, truth(port)
    found = metrics.table(stored)
    spent = sum(part.cpu_share * part.duration_s for part in stored.segments)
    assert found["completed"] == workload.prompts, metrics.failures(stored)
    return {
        "excess TTFT": found["mean_ttft_ms"] - real["ttft"],
        "from upload": found["mean_server_ms"] - real["ttft"],
        "P99 ITL off": found["p99_itl_ms"] - real["itl99"],
        "CPU s": spent,
        "set-up s": wall - found["duration"],
    }


def bare(port, workload):
    """Send the bodies one after another by a blocking socket, and note when the first text arrives."""
    wanted = range(workload.prompts + 1)  # the first is the warm-up
    made = bodies.make(workload, "truth", wanted)
    took, ending = [], bodies.ending()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in wanted:
            length = len(made[request]) + len(ending)
            began, seen = time.perf_counter(), b""
            connection.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
            connection.sendall(made[request])
            connection.sendall(ending)
            while b'"content": "' not in seen:
                seen += connection.recv(65536)
            took.append(time.perf_counter() - began)
            while not seen.endswith(b"0\r\n\r\n"):
                seen += connection.recv(65536)
    rest = dict.fromkeys(HEAD[1:], float("nan"))
    return {"excess TTFT": 1000 * float(np.mean(took[1:])) - truth(port)["ttft"], **rest}


def reference(port, workload, out):
    command = shlex.split(sglang.command(workload, f"http://127.0.0.1:{port}", str(ENGINE / "tiny")))
    command += ["--output-file", str(out)]
    words = [str(ENGINE / "venv/bin/python"), "-c", CLOCKED, *command[3:], "--disable-tqdm"]
    environment = {**os.environ, "PYTHONPATH": str(ENGINE / "old"), "SGLANG_USE_CPU_ENGINE": "1", "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    wall = time.perf_counter() - began
    if not out.exists():
        sys.exit(f"bench_serving gave no result:\n{done.stdout[-800:]}\n{done.stderr[-1500:]}")
    found, real = json.loads(out.read_text()), truth(port)
    seen = dict(reversed(re.findall(r"(\d+) answers, CPU seconds: (\S+)", done.stdout)))  # the first of each
    warm_up, whole = float(seen["1"]), float(seen[str(workload.prompts)])
    return {
        "excess TTFT": found["mean_ttft_ms"] - real["ttft"],
        "from upload": float("nan"),
        "P99 ITL off": found["p99_itl_ms"] - real["itl99"],
        "CPU s": whole - warm_up,
        "set-up s": wall - found["duration"],
    }


def main():
    words = ["-m", "tests.bench.truth", "--ttft", TTFT_S, "--gap", GAP_S]
    server = subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    port = int(server.stdout.readline())
    both = (ENGINE / "done-2").exists()
    print(f"{'users':>6} {'client':<20}" + "".join(f"{name:>14}" for name in HEAD))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for load in LOADS:
                workload = Workload(
                    prompts=max(12, 2 * load), concurrency=load, output_len=TOKENS, range_ratio=1.0, picture="noise"
                )
                rows = {"vlnb": [], "bench_serving 0.5.6": []}
                for turn in range(ROUNDS):
                    if load == 1:
                        rows.setdefault("bare socket", []).append(bare(port, workload))
                    rows["vlnb"].append(ours(port, workload, Path(folder) / f"{load}-{turn}"))
                    if both:
                        rows["bench_serving 0.5.6"].append(
                            reference(port, workload, Path(folder) / f"{load}-{turn}.jsonl")
                        )
                for name, found in rows.items():
                    if found:
                        means = [np.mean([row[head] for row in found]) for head in HEAD]
                        print(f"{load:>6} {name:<20}" + "".join(f"{mean:14.2f}" for mean in means))
                sys.stdout.flush()
    finally:
        server.kill()
    if not both:
        print("bench_serving is not here: `make test-engine` installs it.")


HEAD = ("excess TTFT", "from upload", "P99 ITL off", "CPU s", "set-up s")
if __name__ == "__main__":
    main()
