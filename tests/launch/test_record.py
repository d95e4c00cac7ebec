"""Records of servers: which count, which are passed over, and which are forgotten."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from vlnb import launch
from vlnb.endpoint import record
from vlnb.endpoint.resolve import resolve

ADDRESS = "http://127.0.0.1:1/v1"
MARK = "0" * 32


@pytest.fixture
def stranger():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield process
    assert process.poll() is None, "no stranger is touched"
    process.kill()
    process.wait()


def test_a_record_counts_while_its_process_lives(stranger):
    known = record.of(ADDRESS, stranger.pid, log="/a.log")
    record.write(known)
    assert record.live() == record.launched() == [known]
    assert (known.port, known.log) == (1, "/a.log")


OTHERS = [
    ("began a tick later", lambda known: replace(known, created=known.created - 1)),
    ("began a tick earlier", lambda known: replace(known, created=known.created + 1)),
    ("began after the system was started anew", lambda known: replace(known, boot="another")),
    ("was never there", lambda known: replace(known, pid=2**31 - 1)),
]


@pytest.mark.parametrize("change", [change for _, change in OTHERS], ids=[name for name, _ in OTHERS])
def test_another_process_of_the_same_number_is_no_server(stranger, change):
    known = change(record.of(ADDRESS, stranger.pid))
    record.write(known)
    launch.Server(known).stop()
    record.write(known)
    assert launch.find() is None
    assert list(record.folder().glob("*.json")) == [], "a dead server is forgotten"


@pytest.mark.skipif(sys.platform != "linux", reason="ticks are Linux's")
def test_on_linux_no_clock_is_asked_when_a_process_began():
    stat = Path("/proc/self/stat").read_text()
    assert record.of(ADDRESS, os.getpid()).created == int(stat.rpartition(")")[2].split()[19])


def test_elsewhere_the_time_of_creation_names_the_process(stranger, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    known = record.of(ADDRESS, stranger.pid)
    assert known.created > 1e9
    record.write(known)
    record.write(replace(known, created=known.created + 1e-2, mark="1" * 32))
    assert record.launched() == [known]


def test_only_its_own_user_can_look_into_the_folder():
    record.write(record.of(ADDRESS, os.getpid()))
    assert record.folder().stat().st_mode & 0o077 == 0


GOOD = asdict(record.of(ADDRESS, os.getpid(), log="/a.log", mark=MARK))
CREATED = f'"created": {GOOD["created"]}'
BAD = {
    "a negative number": {**GOOD, "pid": -5},
    "no process": {**GOOD, "pid": 0},
    "a number too large": {**GOOD, "pid": 2**63},
    "a boolean": {**GOOD, "pid": True},
    "a text": {**GOOD, "pid": "1"},
    "a fraction": {**GOOD, "pid": 1.5},
    "not finite": json.dumps(GOOD).replace(CREATED, '"created": 1e400'),
    "not a number": {**GOOD, "created": float("nan")},
    "created as a text": {**GOOD, "created": "now"},
    "too many digits": json.dumps(GOOD).replace(CREATED, '"created": ' + "1" * 9999),
    "a key too many": {**GOOD, "key": "secret"},
    "a key too few": {"base_url": ADDRESS},
    "a list": [GOOD],
    "null": None,
    "an address of another kind": {**GOOD, "base_url": "file:///etc/passwd"},
    "an address without a port": {**GOOD, "base_url": "http://127.0.0.1/v1"},
    "a port too large": {**GOOD, "base_url": "http://127.0.0.1:99999/v1"},
    "an address with a password": {**GOOD, "base_url": "http://a:b@127.0.0.1:1/v1"},
    "a number for an address": {**GOOD, "base_url": 1},
    "a list for a log": {**GOOD, "log": ["/a.log"]},
    "another server's mark": {**GOOD, "mark": "1" * 32},
    "a path as its mark": {**GOOD, "mark": "../../x"},
    "an empty mark": {**GOOD, "mark": ""},
    "empty": "",
    "cut off": json.dumps(GOOD)[:-5],
    "nested deeply": "[" * 60_000,
    "not UTF-8": b"\xff\xfe\xfa" * 20,
    "a huge file": json.dumps({**GOOD, "log": "x" * 10_000_000}),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_file_that_is_no_record_is_passed_over(content):
    good = record.of(ADDRESS, os.getpid())
    record.write(good)
    path = record.folder() / f"{MARK}.json"
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert record.launched() == [good]
    assert launch.find() == launch.Server(good)
    record.remove(good)
    assert launch.find() is None
    assert resolve() is None
    assert path.exists(), "what is not understood is left alone"


def test_the_good_one_of_the_table_is_good():
    record.folder().mkdir(parents=True)
    (record.folder() / f"{MARK}.json").write_text(json.dumps(GOOD))
    assert record.launched() == [record.Record(**GOOD)]


def test_a_log_of_another_world_is_an_empty_one():
    for log in ("", "/no/such.log", "/", "a\0b", "\ud800"):
        assert launch.Server(record.of(ADDRESS, os.getpid(), log=log)).read_log() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows namespaces")
def test_a_record_of_another_namespace_is_passed_over_and_kept(stranger):
    """A container that shares the home directory sees none of the processes outside, and must not forget them."""
    known = record.of(ADDRESS, stranger.pid)
    other = replace(known, boot=known.boot.partition(" ")[0] + " pid:[1]")
    record.write(other)
    assert record.launched() == []
    assert (record.folder() / f"{other.mark}.json").exists()


@pytest.mark.parametrize(("owner", "usurped"), [("nobody that this user may see", True), ("nobody at all", False)])
def test_a_port_that_another_user_holds_is_not_the_servers(stranger, monkeypatch, owner, usurped):
    """What the system shows of another user's socket: it listens, and has no process."""
    import psutil

    socket = SimpleNamespace(status=psutil.CONN_LISTEN, pid=None, laddr=SimpleNamespace(port=1))
    monkeypatch.setattr(psutil, "net_connections", lambda _: [socket] if usurped else [])
    known = record.of(ADDRESS, stranger.pid)
    record.write(known)
    assert record.is_usurped(known) is usurped, owner
    assert record.live() == ([] if usurped else [known])
