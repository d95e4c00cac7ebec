"""The token cost of a video by each server's own rules. The servers' processors counted the expected numbers."""

import pytest

from tests.video.clips import make_video
from vlnb import video
from vlnb.errors import BadInput
from vlnb.video.clip import Header
from vlnb.video.cost import frame_count, frame_size


def clip(width, height, seconds, fps):
    """Return the header of a video file of this size and length."""
    return Header("clip", b"", (width, height), range(round(seconds * fps)), (0,), 1 / fps, seconds)


@pytest.mark.parametrize(
    ("size", "seconds", "fps", "frames", "seen", "tokens"),
    [
        ((640, 360), 1, 30, 4, (644, 364), 598),
        ((1280, 720), 10, 30, 20, (1008, 560), 7_200),
        ((1280, 720), 60, 30, 120, (1008, 560), 43_200),
        ((1280, 720), 600, 30, 768, (644, 336), 105_984),
        ((640, 360), 1800, 30, 768, (644, 364), 114_816),
        ((224, 112), 10, 30, 20, (448, 224), 1280),  # a small frame is enlarged
    ],
)
def test_the_cost_for_sglang_matches_its_processor(size, seconds, fps, frames, seen, tokens):
    for server in ("sglang", "sglang-0.5.6"):
        cost = video.cost(clip(*size, seconds, fps), "video_url", server)
        assert (cost.frames, cost.size, cost.tokens) == (frames, seen, tokens + 2)


def test_vllm_does_not_reduce_the_frames_of_a_long_clip():
    assert video.cost(clip(1280, 720, 60, 30), "video_url", "vllm").tokens == 71_760 + 2


@pytest.mark.parametrize(
    ("server", "seconds", "scale", "warning"),
    [
        ("sglang", 60, 1 / 12, "times come out 12 times too short"),
        ("sglang-0.5.6", 1, 2, "times come out 2 times too long"),  # four frames, of the two that a second has
        ("sglang-0.5.6", 60, 1, ""),
        ("sglang-0.5.6", 384, 1, ""),
        ("sglang-0.5.6", 1800, 384 / 1800, "times come out 4.69 times too short"),
        ("sglang", 46_080, 1 / 1440, "times come out 1,440 times too short"),
        ("vllm", 1800, 1, ""),
    ],
)
def test_the_cost_predicts_the_time_scale_of_a_server_and_warns(server, seconds, scale, warning):
    cost = video.cost(clip(640, 360, seconds, 30), "video_url", server)
    assert cost.time_scale == pytest.approx(scale)
    assert warning in str(cost)
    assert bool(cost.warning) == bool(warning)


@pytest.mark.parametrize(
    ("words", "head", "tail"),
    [
        (("frames",), "frames as pictures: 2 frames of 644 x 364 px, 602 tokens", "times are right"),
        (
            ("video_url",),
            "video_url to SGLang 0.5.23: 4 frames of 644 x 364 px, 600 tokens",
            "SGLang 0.5.23 assumes 24 frames a second: times come out 6 times too short",
        ),
        (
            ("video_url", "vllm"),
            "video_url to vLLM 0.33: 4 frames of 644 x 364 px, 600 tokens",
            "times are right",
        ),
    ],
)
def test_a_cost_is_one_line(words, head, tail):
    assert str(video.cost(clip(640, 360, 1, 30), *words)) == f"{head}; {tail}"


def test_the_predicted_cost_of_frames_equals_that_of_the_frames_taken():
    data = make_video(seconds=3)
    for options in ({}, {"fps": 25, "budget_tokens": 3000}, {"max_frames": 2}):
        frames_taken = video.frames(data, **options)
        cost = video.cost(data, **options)
        assert (cost.frames, cost.tokens) == (len(frames_taken.frames), frames_taken.tokens)
        assert cost.time_scale == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("clip",), "Unknown way 'clip'"), (("video_url", "ollama"), "server 'ollama'")],
)
def test_an_unknown_way_or_server_is_refused(words, sentence):
    with pytest.raises(BadInput, match=sentence):
        video.cost(clip(640, 360, 1, 30), *words)


def test_a_single_frame_is_one_frame_in_words():
    assert "pictures: 1 frame of" in str(video.cost(make_video(seconds=3), max_frames=1))
    assert "75 frames at 25/s; 1 taken" in str(video.frames(make_video(seconds=3), max_frames=1))
    assert ", 1 frame at 10/s" in str(video.frames(make_video(seconds=0.1, fps=10)))


def test_a_clip_of_a_single_frame_is_refused_for_a_server():
    with pytest.raises(BadInput, match=r"clip has 1 frame: SGLang 0\.5\.23 needs two\. Send it as a picture"):
        video.cost(clip(640, 360, 0.04, 25), "video_url")
    assert video.cost(clip(640, 360, 0.08, 25), "video_url").frames == 2


def test_frame_counts_are_even_and_frame_widths_multiples_of_28():
    assert [frame_count(total, 30) for total in (2, 3, 5, 100, 100_000)] == [2, 2, 4, 6, 768]
    assert frame_size(100, 2000, 4)[0] % 28 == 0
