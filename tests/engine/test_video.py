"""The cost of a video against what the real processors and the real server count."""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

import vlnb
from tests.engine.conftest import ENGINE, ENVIRONMENT, PYTHON
from tests.video.clips import make_video
from vlnb import samples, video
from vlnb.video.clip import Header

CLIPS = {
    "1 s": {"seconds": 1},
    "5 s": {"seconds": 5},
    "9 s at 10 frames per second": {"seconds": 9, "fps": 10},
    "turned": {"seconds": 2, "turned": 90},
    "MKV": {"seconds": 3, "kind": "matroska"},
}


@pytest.fixture(scope="module")
def sglang_endpoint(sglang):
    return vlnb.connect(sglang.base_url, announce=None)


def test_the_predicted_cost_of_videos_matches_the_processors():
    chance = random.Random(7)
    videos = [
        (
            chance.randrange(32, 2400), chance.randrange(32, 1400), chance.randrange(2, 60_000),
            chance.choice([1, 8, 23.976, 24, 25, 29.97, 30, 50, 60]),
        )
        for _ in range(60)
    ]  # fmt: skip
    videos = [parameters for parameters in videos if max(parameters[:2]) <= 200 * min(parameters[:2])]
    argv = [PYTHON, Path(__file__).parent / "video_rules.py", ENGINE / "tiny"]
    completed = subprocess.run(
        argv, input=json.dumps(videos), capture_output=True, text=True, check=False, env={**os.environ, **ENVIRONMENT}
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
    for (width, height, frames, fps), theirs in zip(videos, json.loads(completed.stdout), strict=True):
        clip = Header("clip", b"", (width, height), range(frames), (0,), 1 / fps, frames / fps)
        cost = video.cost(clip, "video_url")
        assert [cost.frames, *cost.size, cost.tokens - 2] == theirs, (width, height, frames, fps)


@pytest.mark.parametrize("name", CLIPS)
def test_the_server_counts_the_predicted_tokens_of_a_video(sglang_endpoint, name):
    header = video.header(make_video(**CLIPS[name]))
    reply = sglang_endpoint.ask("What happens?", header, way="video_url", max_tokens=1)
    assert reply.usage.image_tokens == video.cost(header, "video_url").tokens - 2
    assert video.cost(header, "video_url").warning in reply.note
    assert "times too short: see vlnb.video.check" in reply.note


def test_the_server_counts_the_predicted_tokens_of_frames(sglang_endpoint):
    clip = video.frames(samples.clip(4, words=1).data)
    reply = sglang_endpoint.ask("What happens?", clip, max_tokens=1)
    assert reply.usage.image_tokens == clip.tokens - 2 * len(clip.frames)


def test_the_clock_check_calls_a_model_that_sees_nothing_blind(sglang_endpoint):
    assert video.check(sglang_endpoint, seconds=6, seed=1).verdict == "blind"
