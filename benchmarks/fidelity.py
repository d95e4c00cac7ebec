"""How close the load generator's timings are to the truth, beside `sglang.bench_serving` 0.5.6, in one run.

A server of known timing (first token after 100 ms, 64 tokens 10 ms apart) records its real timestamps. Both clients
send 2 noise pictures of 720p per request, in turns, after a warm-up. At one user, a bare socket sends the same bodies
too: no client can be closer to the truth on this machine. `VLNB_ENGINE` names the folder of `make test-engine`, whose
environment holds the reference; without it, only ours is measured. Numbers vary from hour to hour: compare the ratios.
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
"""  # it prints twice: after the warm-up, and after the last answer, before tokens are counted
TTFT_S, GAP_S, TOKENS = 0.1, 0.01, 64


def truth(port):
    """Return the server's own mean TTFT and P99 ITL in ms, from its timestamps since the last call."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/truth") as answer:
        stamps = [np.array(stamp) for stamp in json.load(answer)]
    stamps = stamps[1:]  # the warm-up
    first = np.mean([stamp[1] - stamp[0] for stamp in stamps])
    return {
        "ttft": 1000 * first,
        "itl99": 1000 * np.percentile(np.concatenate([np.diff(request[1:]) for request in stamps]), 99),
    }


def ours(port, workload, folder):
    endpoint = vlnb.Endpoint(f"http://127.0.0.1:{port}/v1", "truth")
    began = time.perf_counter()
    run = vlnb.bench.run(workload, endpoint, folder)
    wall, real = time.perf_counter() - began, truth(port)
    found = metrics.table(run)
    spent = sum(part.cpu_share * part.duration_s for part in run.segments)
    assert found["completed"] == workload.prompts, metrics.failures(run)
    return {
        "excess TTFT": found["mean_ttft_ms"] - real["ttft"],
        "from upload": found["mean_server_ms"] - real["ttft"],
        "P99 ITL off": found["p99_itl_ms"] - real["itl99"],
        "CPU s": spent,
        "set-up s": wall - found["duration"],
    }


def bare(port, workload):
    """Send the bodies one by one over a blocking socket, and record when the first text arrives."""
    requests = range(workload.prompts + 1)  # the first is the warm-up
    payloads = bodies.make(workload, "truth", requests)
    ttfts, ending = [], bodies.ending()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            length = len(payloads[request]) + len(ending)
            began, received = time.perf_counter(), b""
            connection.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
            connection.sendall(payloads[request])
            connection.sendall(ending)
            while b'"content": "' not in received:
                received += connection.recv(65536)
            ttfts.append(time.perf_counter() - began)
            while not received.endswith(b"0\r\n\r\n"):
                received += connection.recv(65536)
    rest = dict.fromkeys(HEAD[1:], float("nan"))
    return {"excess TTFT": 1000 * float(np.mean(ttfts[1:])) - truth(port)["ttft"], **rest}


def reference(port, workload, out):
    command = shlex.split(sglang.command(workload, f"http://127.0.0.1:{port}", str(ENGINE / "tiny")))
    command += ["--output-file", str(out)]
    argv = [str(ENGINE / "venv/bin/python"), "-c", CLOCKED, *command[3:], "--disable-tqdm"]
    environment = {**os.environ, "PYTHONPATH": str(ENGINE / "old"), "SGLANG_USE_CPU_ENGINE": "1", "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    result = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    wall = time.perf_counter() - began
    if not out.exists():
        sys.exit(f"bench_serving gave no result:\n{result.stdout[-800:]}\n{result.stderr[-1500:]}")
    found, real = json.loads(out.read_text()), truth(port)
    seen = dict(reversed(re.findall(r"(\d+) answers, CPU seconds: (\S+)", result.stdout)))  # the first of each
    warm_up, whole = float(seen["1"]), float(seen[str(workload.prompts)])
    return {
        "excess TTFT": found["mean_ttft_ms"] - real["ttft"],
        "from upload": float("nan"),
        "P99 ITL off": found["p99_itl_ms"] - real["itl99"],
        "CPU s": whole - warm_up,
        "set-up s": wall - found["duration"],
    }


def main():
    arguments = ["-m", "tests.bench.truth", "--ttft", TTFT_S, "--gap", GAP_S]
    server = subprocess.Popen([sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    port = int(server.stdout.readline())
    has_reference = (ENGINE / "done-3").exists()
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
                    if has_reference:
                        rows["bench_serving 0.5.6"].append(
                            reference(port, workload, Path(folder) / f"{load}-{turn}.jsonl")
                        )
                for name, results in rows.items():
                    if results:
                        means = [np.mean([row[head] for row in results]) for head in HEAD]
                        print(f"{load:>6} {name:<20}" + "".join(f"{mean:14.2f}" for mean in means))
                sys.stdout.flush()
    finally:
        server.kill()
    if not has_reference:
        print("bench_serving is not here: `make test-engine` installs it.")


HEAD = ("excess TTFT", "from upload", "P99 ITL off", "CPU s", "set-up s")
if __name__ == "__main__":
    main()
