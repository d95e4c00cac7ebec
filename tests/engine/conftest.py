"""Real servers on the CPU: SGLang, `transformers serve` and llama.cpp. `make test-engine` installs them."""

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.conftest import free_port
from vlnb import launch

ENGINE = Path(os.environ.get("VLNB_ENGINE", "/no-engine"))
PYTHON = ENGINE / "venv" / "bin" / "python"
# With two threads, which wait for each other on cores that other tests use, a server answers six times as slowly.
ONE_THREAD = {"SGLANG_CPU_OMP_THREADS_BIND": "0", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
ENVIRONMENT = {"SGLANG_USE_CPU_ENGINE": "1", "HF_HUB_OFFLINE": "1", **ONE_THREAD}

if not (ENGINE / "done-3").exists():
    collect_ignore_glob = ["test_*.py"]  # `make test` leaves the engine out: it takes five minutes

SHARED = ("sglang", "transformers", "llama", "processed")  # fixtures


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Keep tests that share a costly fixture on one worker: an SGLang server takes 5 GB and a minute to start."""
    for item in items:
        shared = next((name for name in SHARED if name in item.fixturenames), None)
        if shared:
            item.add_marker(pytest.mark.xdist_group(shared))


def command(*more, model=ENGINE / "tiny", port):
    """Return the command of a server on the CPU; `more` comes last, so that it takes precedence.

    It sleeps when idle, because servers that poll slow each other down, and its gauges follow every step.
    """
    return [
        str(PYTHON), "-m", "sglang.launch_server", "--device", "cpu", "--model-path", str(model), "--port", str(port),
        "--mem-fraction-static", "0.3", "--max-total-tokens", "16384", "--disable-overlap-schedule",
        "--attention-backend", "torch_native", "--sleep-on-idle", "--decode-log-interval", "1", *more,
    ]  # fmt: skip


@pytest.fixture(scope="session")
def sglang(tmp_path_factory):
    """One server for the whole suite, because starting it takes 40 s."""
    port = free_port()
    folder = tmp_path_factory.mktemp("runs")
    server = launch.start(command("--enable-metrics", port=port), port=port, environment=ENVIRONMENT, runs=folder)
    try:
        server.wait(400)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def transformers(tmp_path_factory):
    """An endpoint of `transformers serve`, which loads the model it is asked for; its start takes 20 s."""
    import vlnb

    port, folder = free_port(), tmp_path_factory.mktemp("transformers")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder)}
    argv = [PYTHON.with_name("transformers"), "serve", "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log, subprocess.Popen(argv, env=environment, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + 240
            while not is_healthy(port) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.5)
            yield vlnb.Endpoint(f"http://127.0.0.1:{port}/v1", str(ENGINE / "tiny"))
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def llama():
    """An endpoint of llama.cpp's server."""
    import vlnb

    port, script = free_port(), Path(__file__).parent.parent.parent / "scripts" / "engine" / "llama.py"
    argv = [PYTHON, script, ENGINE / "tiny.gguf", ENGINE / "tiny.mmproj.gguf", str(port)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(argv, text=True, **pipes) as process:
        try:
            yield vlnb.connect(process.stdout.readline().strip(), announce=None)
        finally:
            process.kill()


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.fixture
def endpoint(sglang):
    import vlnb

    return vlnb.connect(sglang.base_url, announce=None)


@pytest.fixture
def parse():
    """Parse commands with SGLang's own argument parser, in two versions: the cookbook's and a new one."""
    script = (
        "import argparse, json, sys\nfrom sglang.srt.server_args import ServerArgs\n"
        "parser = argparse.ArgumentParser(); ServerArgs.add_cli_args(parser)\n"
        "for words in json.load(sys.stdin): parser.parse_args(words); print(*words)"
    )

    def run_parser(commands, *, old):
        environment = {**os.environ, **ENVIRONMENT, **({"PYTHONPATH": str(ENGINE / "old")} if old else {})}
        return subprocess.run(
            [PYTHON, "-c", script],
            input=json.dumps(commands),
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return run_parser


def is_running(pid):
    """Return whether a process is running: a zombie, which its parent has not collected yet, is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
