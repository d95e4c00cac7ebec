"""Starting, watching, finding and stopping a server process: a small one of our own; tests/engine has the real one."""

import socket
import subprocess
import sys
import time

import psutil
import pytest

import vlnb
from vlnb import launch
from vlnb.endpoint import record
from vlnb.launch import progress

SERVE = """
import http.server, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print('Load weight begin. avail mem=10.00 GB', flush=True)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
print('The server is fired up and ready to roll!', flush=True)
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
"""


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def started(port, tmp_path):
    servers = []

    def start(script, *arguments):
        servers.append(launch.start([sys.executable, "-c", script, *map(str, arguments)], port=port, runs=tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(timeout_s=2)


def test_a_server_is_started_watched_found_and_stopped(started, port):
    looks = []
    server = started(SERVE, port)
    assert server.wait(20, watch=lambda status, _: looks.append(status.state)).state == "ready"
    assert looks[-1] == "ready"
    assert launch.find() == server
    assert "fired up" in server.tail()
    (child,) = psutil.Process(server.pid).children()
    server.stop(timeout_s=5)
    server.stop()
    assert launch.find() is None
    assert not psutil.pid_exists(child.pid), "nothing is left behind"
    assert server.status().state == "stopped"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('RuntimeError: No HIP GPUs are available'); raise SystemExit(1)", "no_gpu"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("raise SystemExit(3)", "log is empty"),
    ],
)
def test_a_failed_start_is_explained(started, script, words):
    with pytest.raises(vlnb.LaunchFailed, match=words):
        started(script).wait(20)


def test_a_slow_start_is_not_ended(started):
    server = started("import time; time.sleep(60)")
    with pytest.raises(vlnb.LaunchFailed, match="goes on starting"):
        server.wait(0.2)
    assert server.status().state == "starting"


def test_a_child_that_outlives_its_parent_is_stopped_too(started):
    server = started("import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])")
    time.sleep(1)
    assert [p for p in psutil.process_iter() if p.status() != psutil.STATUS_ZOMBIE and _session(p) == server.pid]
    server.stop(timeout_s=2)
    assert not [p for p in psutil.process_iter() if p.status() != psutil.STATUS_ZOMBIE and _session(p) == server.pid]


def _session(process):
    import os

    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def test_a_stale_record_is_removed_and_no_stranger_is_touched():
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        record.write(record.Record("http://127.0.0.1:1/v1", stranger.pid, created=1.0))
        assert launch.find() is None
        assert record.read() is None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_cannot_be_started_is_told(port, tmp_path):
    with pytest.raises(vlnb.LaunchFailed, match="no-such-command cannot be started"):
        launch.start(["no-such-command"], port=port, runs=tmp_path)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(vlnb.LaunchFailed, match=f"Port {port}"):
        launch.start(["true"], port=port, runs=tmp_path)


def test_preflight_tells_before_anything_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10 * 2**30})())
    problems = " ".join(launch.preflight(launch.plan("MI300X", "72B", gpus=1), cache=tmp_path / "none"))
    assert "does not start" in problems
    assert "137 GiB of disk" in problems


LOG = """Load weight begin. avail mem=191.05 GB
Loading safetensors checkpoint shards:  45% Completed | 17/38 [00:20<00:30]
"""
LATER = LOG + "Load weight end. mem usage=17 GB\nmax_total_num_tokens=2858000\nCapture cuda graph begin.\n"

LOGS = [
    ("", "· weights · · KV cache · · graphs · · ready", 0.0),
    (LOG, "… weights 17/38 · · KV cache · · graphs · · ready", 0.11),
    (LATER + "Capturing batches (bs=8):  52%|#####| 12/23", "✓ weights · ✓ KV cache · … graphs 12/23 · · ready", 0.63),
    (LATER + "The server is fired up and ready to roll!", "✓ weights · ✓ KV cache · ✓ graphs · ✓ ready", 1.0),
    (
        "[aiter] start build [module_rmsnorm]",
        "· weights · · KV cache · · graphs · · ready (building module_rmsnorm",
        0.0,
    ),
]


@pytest.mark.parametrize(("log", "shown", "share"), LOGS)
def test_progress(log, shown, share):
    come = progress(log)
    assert str(come).startswith(shown)
    assert come.share == pytest.approx(share, abs=0.01)
