"""The clock check of servers that decode video: it names the fault of a server that gives frames wrong times.

Each server here answers like a model that reads every pixel: it decodes the clip, samples frames as SGLang does,
finds the first one with the word, and reads the clock on it. Only the time that it gives to the frame is wrong.
"""

import base64
import http.server
import json
import re
import threading

import numpy as np
import pytest

import vlnb
from vlnb import samples, video
from vlnb.video import clock
from vlnb.video.clock import Answered, judge
from vlnb.video.cost import frame_count

SEED, SECONDS = 5, 30.0

# From (time of the frame in the file, its number in the sample, size of the sample) to (time answered, clock shown).
TIMINGS = {
    "sound": lambda time, number, count: (time, time),
    "wrong scale: 24 frames a second assumed": lambda time, number, count: (number / 24, time),
    "wrong scale: a long clip capped": lambda time, number, count: (time / 4.7, time),
    "drift": lambda time, number, count: (time * 1.047, time),
    "offset": lambda time, number, count: (time + 3, time),
    "wrong frames": lambda time, number, count: (time + (0, 6, 1, 7, 0, 4)[number % 6], time),
    "blind": lambda time, number, count: (time, (time * 7) % 30),
}


class Server(http.server.BaseHTTPRequestHandler):
    timing = "sound"
    sample = samples.clip(SECONDS, fps=8, words=6, seed=SEED)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        *_, question, _ = [part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text"] + [""]
        urls = [part["video_url"]["url"] for part in body["messages"][-1]["content"] if part["type"] == "video_url"]
        data = base64.b64decode(urls[0].partition(",")[2])
        assert data == self.sample.data
        times = video.header(data).times
        unit = video.header(data).unit_s
        count = frame_count(len(times), len(times) / SECONDS)
        sample_times = [times[at] * unit for at in np.linspace(0, len(times) - 1, count, dtype=int)]
        word = re.search(r'"([A-Z]+)"', question)[1]
        start, end = next(event[:2] for event in self.sample.events if event[2] == word)
        number, time = next((number, time) for number, time in enumerate(sample_times) if start - 0.001 <= time <= end)
        answered, clock = TIMINGS[self.timing](time, number, count)
        clock = min(clock, 99.0)
        text = json.dumps({"time": f"{answered:.1f}", "clock": f"{int(clock // 60):02}:{clock % 60:04.1f}"})
        chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
        payload = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


@pytest.fixture
def faulty():
    servers = []

    def start(timing):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Server,), {"timing": timing}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return vlnb.Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "Qwen2.5-VL-7B")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_check_names_the_timing_fault_of_a_server(faulty, timing):
    result = video.check(faulty(timing), seed=SEED, seconds=SECONDS)
    assert result.verdict == timing.partition(":")[0], str(result)


def test_the_check_measures_the_time_scale(faulty):
    result = video.check(faulty("wrong scale: 24 frames a second assumed"), seed=SEED, seconds=SECONDS)
    assert result.scale == pytest.approx(1 / 12, rel=0.05)
    assert result.answered[0].word in result._repr_mimebundle_()["text/html"]


def test_a_server_without_video_support_is_reported(endpoint):
    result = video.check(endpoint, way="video_url", seed=SEED, seconds=6)
    assert result.verdict == "no video"


def test_the_embedded_engine_reads_the_clock_on_frames(endpoint):
    result = video.check(endpoint, seed=SEED, seconds=12)
    assert result.verdict == "sound", str(result)
    assert [answer.word for answer in result.answered] == [
        event[2] for event in samples.clip(12, fps=8, words=6, seed=SEED).events
    ]


def test_answers_that_are_not_json_get_the_verdict_blind():
    sample = samples.clip(6, words=3)
    answered = [Answered(word, (start, end), None, None, "I see a dog") for start, end, word in sample.events]
    result = judge(answered, "frames", sample)
    assert result.verdict == "blind"
    assert "scatter" not in str(result)


@pytest.mark.parametrize(
    ("seconds", "scale", "offset", "verdict"),
    [
        (30, 1, 0, "sound"),
        (30, 1, 0.9, "sound"),  # servers take frames half a second apart, and models round
        (30, 1, -1.1, "offset"),
        (30, 1.047, 0, "drift"),
        (30, 0.95, 0, "drift"),
        (6, 1.05, 0, "sound"),  # a third of a second at the end of the clip
        (60, 1.02, 0, "sound"),  # more than a second, but of a minute
        (30, 1.3, 0, "wrong scale"),
        (30, 0.7, 0, "wrong scale"),
    ],
)
def test_the_verdict_follows_from_the_line_through_the_times(seconds, scale, offset, verdict):
    sample = samples.clip(seconds, fps=1, words=3, seed=SEED)
    answered = [Answered(word, (start, end), scale * start + offset, start, "") for start, end, word in sample.events]
    result = judge(answered, "frames", sample)
    assert (result.verdict, result.scale, result.offset_s) == (
        verdict,
        pytest.approx(scale),
        pytest.approx(offset, abs=1e-6),
    )
    assert f"time = {scale:.3f} x clock {offset:+.2f} s, scatter" in str(result)


@pytest.mark.parametrize("text", ["I see a dog", "[5, 5]", "{", '{"when": 5}', '{"time": "later", "clock": null}'])
def test_an_answer_without_times_has_none(text):
    assert clock._read(text) == (None, None)


def test_a_clip_that_is_too_short_to_check_is_refused(endpoint):
    with pytest.raises(vlnb.BadInput, match="at least 3 seconds"):
        video.check(endpoint, seconds=2.9)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_refusal_that_is_not_about_video_is_raised(status):
    class Refusing:
        is_embedded = False

        def ask(self, *_, **__):
            raise vlnb.ServerRefused("no", status=status)

    with pytest.raises(vlnb.ServerRefused):
        video.check(Refusing(), seconds=6)


@pytest.mark.parametrize(
    "text",
    [
        '{"time": "5.0", "clock": "Clock 00:05.0"}',
        '{"Time": 5, "Clock": "00:05.0"}',
        '{"time": "at 5.0 s", "clock": "00:05"}',
        '<think>{"time": 1, "clock": 1}?</think>{"time": 5, "clock": 5}',
    ],
)
def test_answers_in_slightly_different_json_are_read(text):
    assert clock._read(text) == (5, 5)
