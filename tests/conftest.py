"""What the tests share: a clean environment, one embedded engine, and servers that misbehave on purpose."""

import contextlib
import http.server
import itertools
import os
import re
import secrets
import signal
import socket
import threading

import hypothesis
import pytest

import vlnb
from vlnb import embedded, samples

# Test files that start servers or processes, run OCR, or wait: `make check` skips them.
SLOW = frozenset(
    "test_app test_asking test_batch test_benchmark test_check test_choices test_cli test_cli_launch test_clip"
    " test_clock test_compare test_evidence test_export test_extras test_fuzz test_gate test_history test_keys"
    " test_limits test_locating test_logs test_notebooks test_pdf test_playground test_reading test_record"
    " test_regions_growth test_render test_report test_router test_run test_runs test_samples test_server"
    " test_sets test_setup test_sweep test_typed test_video test_wire".split()
)


# A machine may pause a test for longer than hypothesis allows for one example.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

# A background job (`nohup make test &`) ignores these signals, and every process that a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem != "test_cli")  # it has the longest test, which must not start last
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _separate_record(tmp_path_factory):
    """Record the servers that tests launch in a separate cache, so that a developer's own server stays untouched."""
    os.environ["VLNB_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    """Hide the developer's own settings, and the servers of other tests."""
    for name in ("VLNB_BASE_URL", "VLNB_API_KEY", "VLNB_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VLNB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def engine():
    """The real embedded engine, over a real socket."""
    return embedded.start()


@pytest.fixture
def endpoint(engine):
    return vlnb.connect(engine.base_url, announce=None)


@pytest.fixture(scope="session")
def receipt():
    return samples.receipt()


def read_request(connection):
    """Read one whole HTTP request. Closing a socket with unread bytes resets it, and the client loses the answer."""
    received = b""
    while b"\r\n\r\n" not in received and (piece := connection.recv(1_000_000)):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (piece := connection.recv(1_000_000)):
        missing -= len(piece)


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.count(20_000 + 8 * secrets.randbelow(1000) + WORKER, 8)  # other runs on this machine begin elsewhere


def free_port():
    """Return a free port that neither another worker nor the system, whose ports are higher, gives to anyone else."""
    for port in _ports:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            break
    return port


@pytest.fixture
def raw_server():
    """Start TCP servers whose answers the test scripts: `address = raw_server(lambda connection: …)`."""
    listeners = []

    def start(script):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    read_request(connection)
                    script(connection)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    yield start
    for listener in listeners:  # `close` alone leaves the thread in `accept`, perhaps at the next socket of this number
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def web():
    """Serve a test's own pages, set by `web.pages["/a.png"] = (200, "image/png", data)`, at `web.address`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, data = self.server.pages.get(self.path, (404, "text/plain", b"nothing here"))
            if callable(data):
                data = data()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status in (301, 302):
                self.send_header("Location", data.decode())
                data = b""
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.pages = {}
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
