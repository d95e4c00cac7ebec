"""Starting, watching, finding and stopping a server process: here a small server, in tests/engine the real one."""

import contextlib
import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import vlnb
from tests.conftest import free_port
from vlnb import cli, launch, local
from vlnb.endpoint import record
from vlnb.endpoint.resolve import resolve
from vlnb.launch import logs
from vlnb.launch.progress import Follower

SERVE = """
import http.server, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', *sys.argv[3:]])
print('Load weight begin. avail mem=10.00 GB', flush=True)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
print('The server is fired up and ready to roll!', flush=True)
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
"""


HTTP = SERVE.replace(
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', *sys.argv[3:]])", ""
)
CHILD = "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[2], *sys.argv[1:]])\n"
DAEMON = """
import os, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for number in range(3): os.dup2(os.open(os.devnull, os.O_RDWR), number)
os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], *sys.argv[1:]])
"""
PROGRAMS = {
    "one process": HTTP,
    "a child that sleeps": SERVE,
    "the first process waits for its child": CHILD + "child.wait()",
    "the first process exits before its child": CHILD,
    "a daemon in a session of its own": DAEMON,
    "a process that ignores SIGINT and SIGTERM": (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        + HTTP
    ),
    "a child without the environment": CHILD.replace("*sys.argv[1:]]", "*sys.argv[1:]], env={}") + "child.wait()",
    "a child without the environment, in a session of its own": (
        CHILD.replace("*sys.argv[1:]]", "*sys.argv[1:]], env={}, start_new_session=True") + "child.wait()"
    ),
}


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def start_server(port, tmp_path):
    """Start a script with the port, the small server's script and a token as arguments: `start_server(script)`."""
    servers = []

    def start(script, port=port):
        command = [sys.executable, "-c", script, str(port), HTTP, str(tmp_path)]
        servers.append(launch.start(command, port=port, runs=tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(timeout_s=1)


def running(token):
    """Return the PIDs of processes with a token in their command, found without the help of the launcher."""
    processes = psutil.process_iter(["cmdline", "status"])
    alive = (process for process in processes if process.info["status"] != psutil.STATUS_ZOMBIE)
    return [process.pid for process in alive if str(token) in (process.info["cmdline"] or [])]


@pytest.mark.parametrize("script", PROGRAMS.values(), ids=PROGRAMS)
def test_a_server_is_started_watched_found_and_stopped(start_server, tmp_path, monkeypatch, script):
    monkeypatch.setattr("vlnb.launch.server._EXIT_S", 1.0)
    states = []
    server = start_server(script)
    assert server.wait(60, watch=lambda status, _: states.append(status.state)).state == "ready"
    assert states[-1] == "ready"
    assert launch.find() == server
    assert record.live() == [server.record]
    assert len(running(tmp_path)) == (2 if "child.wait" in script or script == SERVE else 1)
    server.stop(timeout_s=1)
    server.stop()
    assert running(tmp_path) == [], "no process is left behind"
    assert launch.find() is None
    assert list(record.folder().glob("*.json")) == []


@pytest.mark.parametrize("collected", [True, False], ids=["collected", "zombie"])
@pytest.mark.parametrize("program", ["the first process waits for its child", "a child that sleeps"])
def test_a_server_whose_first_process_was_killed_can_be_stopped(start_server, tmp_path, program, collected):
    server = start_server(PROGRAMS[program])
    server.wait(60)
    os.kill(server.record.pid, signal.SIGKILL)
    if collected:
        server._process.wait()
    while not collected and psutil.Process(server.record.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    still_serves = program != "a child that sleeps"
    assert launch.find() == server
    assert server.status().state == ("ready" if still_serves else "failed")
    launch.find().stop(timeout_s=1)
    assert running(tmp_path) == []
    assert launch.find() is None


def test_a_server_that_was_ready_ends_as_stopped_however_long_its_log(start_server, monkeypatch):
    """The line that shows readiness may lie in the part of a long log that is not searched for causes."""
    monkeypatch.setattr(logs, "PART_BYTES", 2**16)
    long = f"print('a line\\n' * {logs.PART_BYTES // 6})\n"
    server = start_server(long + HTTP)
    server.wait(60)
    assert server.status().progress.share == 1
    with server.log.open("ab") as log:
        log.write(b"a line\n" * (logs.PART_BYTES // 6))
    server.stop()
    assert "fired up" not in server.read_log()
    assert server.status().state == "stopped"


def test_two_servers_on_two_ports_are_found_and_stopped_one_by_one(start_server, tmp_path, capsys):
    first, second = start_server(HTTP), start_server(HTTP, port=free_port())
    assert launch.servers() == [second, first], "the newest first"
    assert launch.find() == second
    assert cli.main(["stop", "--port", str(first.port)]) == 0
    assert capsys.readouterr().err == f"stopped {first.base_url}\n"
    assert launch.servers() == [second]
    third = start_server(HTTP, port=free_port())
    assert cli.main(["stop"]) == 0
    assert capsys.readouterr().err == f"stopped {third.base_url}\nstopped {second.base_url}\n"
    assert running(tmp_path) == []
    assert cli.main(["stop", "--port", "1"]) == 1
    assert "no server that was launched from here is running at port 1." in capsys.readouterr().err


def test_exactly_one_of_several_simultaneous_starts_gets_the_port(start_server, tmp_path):
    """No server listens yet when the next start checks the port."""

    def start(_):
        try:
            return start_server("import time; time.sleep(600)")
        except vlnb.LaunchFailed as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(start, range(8)))
    refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(refused) == 7
    assert all("belongs to a server that was launched from here" in message for message in refused)
    assert len(running(tmp_path)) == 1


def test_a_start_fails_if_another_start_holds_the_lock_too_long(port, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "_LOCK_S", 0.1)
    with record.lock(), pytest.raises(vlnb.LaunchFailed, match="Another start has held"):
        launch.start(["true"], port=port, runs=tmp_path)


def test_a_server_that_cannot_be_recorded_is_not_left_running(port, tmp_path, monkeypatch):
    monkeypatch.setenv("VLNB_CACHE", "/proc/none")
    with pytest.raises(vlnb.LaunchFailed, match="Set VLNB_CACHE to a folder that is"):
        launch.start([sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)], port=port, runs=tmp_path)
    assert running(tmp_path) == []


@pytest.mark.parametrize("whole", [True, False], ids=["the whole server died", "a worker still runs"])
def test_another_program_at_the_port_is_neither_given_the_key_nor_stopped(start_server, port, monkeypatch, whole):
    """A process of the server may still run although its port belongs to another program by now."""
    monkeypatch.setenv("VLNB_API_KEY", "secret")
    server = start_server(SERVE)
    server.wait(60)
    os.kill(server.record.pid, signal.SIGKILL)
    server._process.wait()
    if whole:
        for process in record.processes(server.record):
            process.kill()
            process.wait(5)
    printing = "def do_GET(self):\n        print(self.path, str(self.headers), flush=True)"
    listening = HTTP.replace("def do_GET(self):", printing)
    other = subprocess.Popen([sys.executable, "-c", listening, str(port)], stdout=subprocess.PIPE)
    try:
        assert b"Load" in other.stdout.readline()
        assert b"fired up" in other.stdout.readline()
        while not _answers(port):
            time.sleep(0.05)
        assert record.live() == []
        assert resolve() is None
        assert server.status().state == "failed" or whole
        assert (launch.find() is None) is whole
        server.stop(timeout_s=1)
        assert other.poll() is None
    finally:
        other.kill()
        requests, _ = other.communicate()
    assert b"secret" not in requests
    assert set(re.findall(rb"^/\S*", requests, re.MULTILINE)) <= {b"/health"}


def _answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('RuntimeError: No HIP GPUs are available'); raise SystemExit(1)", "no_gpu"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("raise SystemExit(3)", "log is empty"),
    ],
)
def test_a_failed_start_is_explained(start_server, script, words):
    with pytest.raises(vlnb.LaunchFailed, match=words):
        start_server(script).wait(60)


def test_a_slow_start_is_not_stopped(start_server):
    server = start_server("import time; time.sleep(60)")
    with pytest.raises(vlnb.LaunchFailed, match="is still starting"):
        server.wait(0.2)
    assert server.status().state == "starting"


def test_a_command_that_cannot_be_started_raises_launch_failed(port, tmp_path):
    with pytest.raises(vlnb.LaunchFailed, match="no-such-command cannot be started"):
        launch.start(["no-such-command"], port=port, runs=tmp_path)
    with pytest.raises(vlnb.LaunchFailed, match="cannot be started"):
        launch.start(["tr\0ue"], port=port, runs=tmp_path)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(vlnb.LaunchFailed, match=f"Port {port}"):
        launch.start(["true"], port=port, runs=tmp_path)


def test_preflight_reports_problems_before_any_download(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10 * 2**30})())
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    problems = " ".join(launch.preflight(launch.plan("MI300X", "72B", gpus=1)))
    assert "does not start" in problems
    assert "137 GiB of disk" in problems
    assert "of disk" not in " ".join(launch.preflight(launch.plan("MI300X", "72B"), str(tmp_path)))


def test_preflight_accepts_a_gpu_that_is_planned_as_its_sibling(monkeypatch):
    found = launch.gpus()
    eight = replace(found, gpus=(SimpleNamespace(name="MI350X"),) * 8, problem="")
    monkeypatch.setattr(importlib.import_module("vlnb.launch.gpus"), "gpus", lambda: eight)
    assert "is for" not in " ".join(launch.preflight(launch.plan("MI350X", "7B")))
    assert "is for MI300X" in " ".join(launch.preflight(launch.plan("MI300X", "7B")))


def test_a_forbidden_folder_for_models_is_no_error(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)  # as for a folder in one that this user may not enter
    monkeypatch.setenv("HF_HOME", str(tmp_path / "locked" / "hf"))
    assert local.models()[0] == tmp_path / "locked" / "hf"


LOG = """Load weight begin. avail mem=191.05 GB
Loading safetensors checkpoint shards:  45% Completed | 17/38 [00:20<00:30]
"""
LATER = LOG + "Load weight end. mem usage=17 GB\nmax_total_num_tokens=2858000\nCapture cuda graph begin.\n"

LOGS = [
    ("", "· weights · · KV cache · · graphs · · ready", 0.0),
    (LOG, "… weights 17/38 · · KV cache · · graphs · · ready", 0.11),
    (
        LATER + "Capturing batches (bs=8):  52%|#####| 12/23 [00:10<00:09]",
        "✓ weights · ✓ KV cache · … graphs 12/23 · · ready",
        0.63,
    ),
    (LATER + "Capturing batches (bs=8):  52%|#####| 12/2", "✓ weights · ✓ KV cache · … graphs · · ready", 0.5),
    (LATER + "The server is fired up and ready to roll!", "✓ weights · ✓ KV cache · ✓ graphs · ✓ ready", 1.0),
    (
        "[aiter] start build [module_rmsnorm]",
        "· weights · · KV cache · · graphs · · ready (building module_rmsnorm for the first time: up to ten minutes)",
        0.0,
    ),
    (
        "[aiter] start build [module_a]\n[aiter] finish build [module_a]",
        "· weights · · KV cache · · graphs · · ready",
        0.0,
    ),
]


@pytest.mark.parametrize(("log", "text", "share"), LOGS)
def test_progress_is_read_from_the_log(log, text, share):
    follower = Follower(Path())
    follower.feed(log)
    progress = follower.progress()
    assert str(progress) == text
    assert progress.share == pytest.approx(share, abs=0.01)
