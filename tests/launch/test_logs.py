"""Logs of every length: read in pieces, cut in the middle, without an end, and without any text."""

import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from re import _parser as parser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_regions_growth import unbounded
from vlnb import samples
from vlnb.launch import diagnose, logs
from vlnb.launch.progress import Follower
from vlnb.launch.signs import signs

SOUND = (Path(__file__).parent.parent / "data" / "logs" / "sound.log").read_bytes()
BEGIN = b"Load weight begin. avail mem=191.05 GB\n"
END = b"HIP out of memory. Tried to allocate 1 GiB\n"
BUILD = b"[aiter] start build [module_a]\n[aiter] finish build [module_a]\n[aiter] start build [module_b]\n"
COUNTS = b"Loading safetensors checkpoint shards:  45% Completed | 17/38 [00:20<00:30]\rLoading safetensors checkpoint"


def progress(log):
    """Return the progress of the start that a log shows."""
    follower = Follower(Path())
    follower.feed(log)
    return follower.progress()


@pytest.fixture
def long_log(tmp_path):
    """A log of 1 GiB, nearly all of it a hole that takes no disk."""
    path = tmp_path / "long.log"
    with path.open("wb") as file:
        file.write(BEGIN)
        file.seek(2**30)
        file.write(b"\n" + END)
    return path


def test_only_the_beginning_and_end_of_a_long_log_are_read(long_log):
    text, note = logs.read(long_log)
    assert len(text) <= 2 * logs.PART_BYTES + 1
    assert note == "Only the first and the last 2 MiB were read: 1020 MiB between them were left out."
    assert diagnose(text)[0].cause == "weights_do_not_fit", "the beginning helps to interpret the end"


@pytest.mark.parametrize("size", [0, 1, logs.PART_BYTES, logs.PART_BYTES + 1, 2 * logs.PART_BYTES])
def test_a_shorter_log_is_read_completely(tmp_path, size):
    content = os.urandom(size // 2).hex() + "x" * (size % 2)
    (tmp_path / "a.log").write_text(content)
    assert logs.read(tmp_path / "a.log") == (content, "")


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(SOUND)), max_size=8), st.sampled_from([SOUND, BEGIN + COUNTS, BUILD + BEGIN]))
def test_a_log_read_in_pieces_shows_the_same_progress(tmp_path_factory, cuts, log):
    path = tmp_path_factory.mktemp("log") / "a.log"
    follower = Follower(path)
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    for begin, end in itertools.pairwise(edges):
        with path.open("ab") as file:
            file.write(log[begin:end])
        current = follower.update()
    assert current == progress(log.decode())


def test_reading_continues_at_the_last_offset(long_log):
    follower = Follower(long_log)
    follower.update()
    assert logs.since(long_log, follower._offset) == ("", long_log.stat().st_size)
    with long_log.open("ab") as file:
        file.write(b"more")
    assert logs.since(long_log, follower._offset) == ("more", long_log.stat().st_size)


def test_a_log_that_was_started_anew_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 1000)
    assert logs.since(path, 1000) == ("", 1000)
    path.write_bytes(BEGIN)
    assert logs.since(path, 1000) == (BEGIN.decode(), len(BEGIN))


def test_threads_that_share_a_follower_read_one_at_a_time(tmp_path, monkeypatch):
    (tmp_path / "a.log").write_bytes(SOUND)
    follower, since, results, reading, counts = Follower(tmp_path / "a.log"), logs.since, [], [], []

    def slow(path, offset):
        reading.append(1)
        counts.append(len(reading))
        time.sleep(0.01)
        reading.pop()
        return since(path, offset)

    monkeypatch.setattr(logs, "since", slow)
    threads = [threading.Thread(target=lambda: results.append(follower.update())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [progress(SOUND.decode())] * 4
    assert counts == [1] * 4, "only one thread reads at a time"


def test_a_pipe_that_ends_is_read_completely():
    reader, writer = os.pipe()
    os.write(writer, END)
    os.close(writer)
    assert logs.read(reader) == (END.decode(), "")
    os.close(reader)


def test_reading_a_pipe_that_stays_open_times_out(monkeypatch):
    monkeypatch.setattr(logs, "STREAM_S", 0.2)
    reader, writer = os.pipe()
    os.write(writer, END)
    text, note = logs.read(reader)
    os.close(reader)
    os.close(writer)
    assert text == END.decode()
    assert note == "The log did not end in 0.2 s and 64 MiB: the rest was not read."


def test_reading_an_endless_pipe_stops_at_the_size_limit(monkeypatch):
    monkeypatch.setattr(logs, "STREAM_BYTES", 8 * 2**20)
    with subprocess.Popen(["yes", "HIP out of memory"], stdout=subprocess.PIPE) as endless:
        text, note = logs.read(endless.stdout.fileno())
        endless.kill()
    assert len(text) == 2 * logs.PART_BYTES + 1
    assert note.startswith(
        "The log did not end in 60 s and 8 MiB: the rest was not read. Only the first and the last 2 MiB"
    )


def test_reading_a_pipe_without_a_writer_does_not_block(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "STREAM_S", 0.2)
    os.mkfifo(tmp_path / "pipe")
    assert logs.read(tmp_path / "pipe")[0] == ""


@pytest.mark.parametrize("sign", signs(), ids=lambda sign: f"{sign.name}, {sign.kind}")
def test_every_repetition_in_a_sign_has_a_bound(sign):
    """Otherwise a line of 8,000 characters can take seconds: the search starts at each position and runs to the end."""
    assert not list(unbounded(parser.parse(sign.lines.pattern)))


@pytest.mark.parametrize("path", ["/no/such.log", "/", "a\0b"])
def test_a_path_that_is_not_a_file_raises_an_os_error(path):
    with pytest.raises(OSError):  # noqa: PT011 - its kind depends on the system
        logs.read(Path(path))


@pytest.mark.parametrize(
    "content",
    [b"\0" * 2**21, b"/dev/kfd" * 2**18, b"y\n" * 2**20, b"\r" * 2**20, b"Capturing batches 1/" * 2**17],
    ids=["zeros", "one long line", "many short lines", "line ends", "nearly a sign"],
)
def test_content_that_is_not_a_log_is_parsed_in_seconds(content):
    text = content.decode()
    start = time.thread_time()
    progress(text)
    for found in diagnose(text):
        assert len(found.line) <= 300
    assert time.thread_time() - start < 10, "ten times what it usually takes"


@pytest.mark.parametrize("name", ["till.jpg", "chart.png"])
def test_a_picture_is_reported_as_binary_data(name):
    (found,) = diagnose(logs.read(Path(samples.__file__).with_name("files") / name)[0])
    assert str(found) == "unknown: This is not a log, but binary data: give the text that the server wrote."


def test_doctor_reads_standard_input_and_reports_what_it_left_out():
    script = (
        "import sys\nfrom vlnb import cli\nfrom vlnb.launch import logs\n"
        "logs.STREAM_BYTES = 2**23\nsys.exit(cli.main(['doctor', '-']))"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(["yes", "HIP out of memory"], stdout=subprocess.PIPE) as endless:
        result = subprocess.run(command, stdin=endless.stdout, capture_output=True, text=True, check=False, timeout=60)
        endless.kill()
    assert result.returncode == 1
    assert result.stdout.startswith("out_of_memory: ")
    assert result.stderr.startswith("vlnb: The log did not end in 60 s and 8 MiB")


def test_doctor_without_standard_input_prints_one_sentence():
    command = f"exec {sys.executable} -m vlnb doctor - <&-"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert result.stderr == "vlnb: The log /dev/stdin cannot be read: Bad file descriptor.\n"
