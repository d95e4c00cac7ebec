"""Records of servers: which count, which are ignored, and which are deleted."""

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
def other_process():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield process
    assert process.poll() is None, "a process that is not ours is left alone"
    process.kill()
    process.wait()


def test_a_record_counts_while_its_process_lives(other_process):
    known = record.of(ADDRESS, other_process.pid, log="/a.log")
    record.write(known)
    assert record.live() == record.launched() == [known]
    assert (known.port, known.log) == (1, "/a.log")


OTHERS = [
    ("began a tick later", lambda known: replace(known, created=known.created - 1)),
    ("began a tick earlier", lambda known: replace(known, created=known.created + 1)),
    ("began after a reboot", lambda known: replace(known, boot="another")),
    ("never existed", lambda known: replace(known, pid=2**31 - 1)),
]


@pytest.mark.parametrize("change", [change for _, change in OTHERS], ids=[name for name, _ in OTHERS])
def test_another_process_with_the_same_pid_is_not_the_server(other_process, change):
    known = change(record.of(ADDRESS, other_process.pid))
    record.write(known)
    launch.Server(known).stop()
    record.write(known)
    assert launch.find() is None
    assert list(record.folder().glob("*.json")) == [], "the record of a dead server is deleted"


@pytest.mark.skipif(sys.platform != "linux", reason="ticks are Linux's")
def test_on_linux_the_start_of_a_process_is_recorded_in_ticks():
    stat = Path("/proc/self/stat").read_text()
    assert record.of(ADDRESS, os.getpid()).created == int(stat.rpartition(")")[2].split()[19])


def test_elsewhere_the_creation_time_identifies_the_process(other_process, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    known = record.of(ADDRESS, other_process.pid)
    assert known.created > 1e9
    record.write(known)
    record.write(replace(known, created=known.created + 1e-2, mark="1" * 32))
    assert record.launched() == [known]


def test_only_its_own_user_can_read_the_folder():
    record.write(record.of(ADDRESS, os.getpid()))
    assert record.folder().stat().st_mode & 0o077 == 0


GOOD = asdict(record.of(ADDRESS, os.getpid(), log="/a.log", mark=MARK))
CREATED = f'"created": {GOOD["created"]}'
BAD = {
    "a negative number": {**GOOD, "pid": -5},
    "no process": {**GOOD, "pid": 0},
    "a number too large": {**GOOD, "pid": 2**63},
    "a boolean": {**GOOD, "pid": True},
    "a string": {**GOOD, "pid": "1"},
    "a fraction": {**GOOD, "pid": 1.5},
    "not finite": json.dumps(GOOD).replace(CREATED, '"created": 1e400'),
    "not a number": {**GOOD, "created": float("nan")},
    "created as a string": {**GOOD, "created": "now"},
    "too many digits": json.dumps(GOOD).replace(CREATED, '"created": ' + "1" * 9999),
    "an extra key": {**GOOD, "key": "secret"},
    "missing keys": {"base_url": ADDRESS},
    "a list": [GOOD],
    "null": None,
    "an address with another scheme": {**GOOD, "base_url": "file:///etc/passwd"},
    "an address without a port": {**GOOD, "base_url": "http://127.0.0.1/v1"},
    "a port too large": {**GOOD, "base_url": "http://127.0.0.1:99999/v1"},
    "an address with a password": {**GOOD, "base_url": "http://a:b@127.0.0.1:1/v1"},
    "a number for an address": {**GOOD, "base_url": 1},
    "a list for a log": {**GOOD, "log": ["/a.log"]},
    "another server's mark": {**GOOD, "mark": "1" * 32},
    "a path as its mark": {**GOOD, "mark": "../../x"},
    "an empty mark": {**GOOD, "mark": ""},
    "empty": "",
    "truncated": json.dumps(GOOD)[:-5],
    "deeply nested": "[" * 60_000,
    "not UTF-8": b"\xff\xfe\xfa" * 20,
    "a huge file": json.dumps({**GOOD, "log": "x" * 10_000_000}),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_file_that_is_not_a_valid_record_is_ignored(content):
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
    assert path.exists(), "a file that is not understood is left alone"


def test_a_record_that_cannot_be_opened_is_ignored():
    """As one that another process has just deleted; a folder cannot be opened by root either."""
    (record.folder() / f"{MARK}.json").mkdir(parents=True)
    assert record.launched() == []


def test_the_valid_record_behind_the_bad_ones_is_accepted():
    record.folder().mkdir(parents=True)
    (record.folder() / f"{MARK}.json").write_text(json.dumps(GOOD))
    assert record.launched() == [record.Record(**GOOD)]


def test_a_log_that_cannot_be_read_counts_as_empty():
    for log in ("", "/no/such.log", "/", "a\0b", "\ud800"):
        assert launch.Server(record.of(ADDRESS, os.getpid(), log=log)).read_log() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows namespaces")
def test_a_record_of_another_pid_namespace_is_ignored_and_kept(other_process):
    """A container with a shared home directory sees no process outside it, and must not delete their records."""
    known = record.of(ADDRESS, other_process.pid)
    other = replace(known, boot=known.boot.partition(" ")[0] + " pid:[1]")
    record.write(other)
    assert record.launched() == []
    assert (record.folder() / f"{other.mark}.json").exists()


@pytest.mark.parametrize(("owner", "usurped"), [("another user", True), ("nobody", False)])
def test_a_port_held_by_another_user_is_not_the_servers(other_process, monkeypatch, owner, usurped):
    """The system shows another user's socket as listening, but without a process."""
    import psutil

    socket = SimpleNamespace(status=psutil.CONN_LISTEN, pid=None, laddr=SimpleNamespace(port=1))
    monkeypatch.setattr(psutil, "net_connections", lambda _: [socket] if usurped else [])
    known = record.of(ADDRESS, other_process.pid)
    record.write(known)
    assert record.is_usurped(known) is usurped, owner
    assert record.live() == ([] if usurped else [known])
