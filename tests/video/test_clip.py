"""Frames taken from videos whose pixels encode the frame number: each is the nearest one, and its time is exact."""

import io
import itertools

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.video.clips import make_video, number_on, sound_only, sound_with_cover, write_faststart
from vlnb import images, video
from vlnb.errors import BadInput

UNEVEN = list(itertools.accumulate([0.0, *([0.04] * 60), 1.5, *([0.1, 0.02, 0.05] * 40)]))

KINDS = {
    "constant rate": {},
    "variable rate": {"times": UNEVEN},
    "starts at 3 s": {"offset_s": 3},
    "turned": {"turned": 90},
    "MKV": {"kind": "matroska"},
    "MKV of variable rate, starting at 3 s": {"kind": "matroska", "times": UNEVEN, "offset_s": 3},
    "fragmented": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "MPEG-TS": {"kind": "mpegts"},
    "MPEG program stream": {"kind": "mpeg", "codec": "mpeg2video", "size": (160, 90), "seconds": 4},
    "FLV with B-frames": {"kind": "flv"},
    "AVI": {"kind": "avi", "codec": "mpeg4"},
    "AVI with B-frames": {"kind": "avi"},
    "AV1": {"codec": "libsvtav1", "seconds": 2},
    "GIF": {"kind": "gif", "codec": "gif", "fps": 10, "seconds": 4},
    "WebM": {"kind": "webm", "codec": "libvpx-vp9", "seconds": 2},
    "key frames only": {"gop": 1, "seconds": 3},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fps", [0.7, 2, 25], ids=["by seeking", "two per second", "every frame"])
def test_each_frame_is_the_nearest_one_and_has_its_exact_time(kind, fps):
    options = KINDS[kind]
    truth = options.get("times") or [
        number / options.get("fps", 25) for number in range(round(options.get("fps", 25) * options.get("seconds", 8)))
    ]
    clip = video.frames(make_video(**options), fps=fps, max_frames=1000, budget_tokens=10**6)
    assert clip.notes == ()
    assert clip.size == ((360, 640) if kind == "turned" else options.get("size", (640, 360)))
    numbers = [number_on(frame.picture, turned=options.get("turned", 0)) for frame in clip.frames]
    assert [truth[number] for number in numbers] == pytest.approx([frame.time_s for frame in clip.frames], abs=0.002)
    for number in range(int(clip.duration_s * fps)):
        moment = number / fps
        nearest = min(abs(time - moment) for time in truth)
        assert min(abs(frame.time_s - moment) for frame in clip.frames) == pytest.approx(nearest, abs=0.002)


def test_a_clip_that_starts_before_time_zero_lasts_as_long_as_its_frames():
    data = make_video(kind="mpegts", seconds=2, offset_s=-10, options={"avoid_negative_ts": "disabled"})
    assert video.header(data).duration_s == pytest.approx(2, abs=0.05)


CLIP = make_video()


@settings(max_examples=25)
@given(st.lists(st.floats(0, 8), min_size=1, max_size=6))
def test_a_requested_time_returns_the_nearest_frame(moments):
    clip = video.frames(CLIP, at=moments)
    for moment in moments:
        frame = clip.nearest(moment)
        assert frame.time_s == pytest.approx(min(moment, 7.96), abs=0.0201)
        assert number_on(frame.picture) == round(frame.time_s * 25)


@pytest.mark.parametrize("kind", ["mp4", "matroska", "avi"])
def test_a_title_that_is_not_utf_8_does_not_matter(kind):
    data = make_video(kind, seconds=1, title="caf\udce9")
    assert b"caf\xe9" in data
    assert video.header(data).size == (640, 360)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.ts", "mp4"), ("a.mts", "mp4"), ("a.3gp", "mp4"), ("a.html", "mp4"), ("a.xyz", "mp4"), ("a.webm", "webm")],
)
def test_a_video_is_sent_as_a_video_whatever_its_extension_means_elsewhere(name, kind, tmp_path):
    (tmp_path / name).write_bytes(CLIP)
    assert video.data_uri(video.header(tmp_path / name)).startswith(f"data:video/{kind};base64,")


def test_the_test_clips_contain_b_frames():
    """Without B-frames the decoding order would be the display order, and half of these tests would prove nothing."""
    for kind in ("mp4", "avi"):
        with av.open(io.BytesIO(make_video(kind=kind, seconds=1))) as container:
            kinds = {frame.pict_type for frame in container.decode(video=0)}
        assert av.video.frame.PictureType.B in kinds


def test_a_requested_time_in_av1_returns_its_frame():
    clip = video.frames(make_video(codec="libsvtav1", seconds=2), at=[1.32])
    assert [number_on(frame.picture) for frame in clip.frames] == [33]
    assert clip.notes == ()


def test_frames_that_grow_beyond_the_pixel_limit_are_left_out(monkeypatch):
    monkeypatch.setattr(images, "MAX_FILE_PIXELS", 640 * 360)
    growing = make_video(kind="mpegts", seconds=2) + make_video(kind="mpegts", seconds=2, size=(1280, 720), offset_s=2)
    clip = video.frames(growing, fps=4)
    assert max(frame.time_s for frame in clip.frames) < 2
    assert any("damaged" in note for note in clip.notes)


def test_a_format_without_a_decoder_raises_one_clear_sentence(tmp_path):
    (tmp_path / "odd.mp4").write_bytes(CLIP.replace(b"avc1", b"zzzz"))
    with pytest.raises(BadInput, match="in a format that cannot be decoded here"):
        video.frames(tmp_path / "odd.mp4")


def test_a_file_name_selects_no_protocol_and_prints_no_escape_codes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("file:x.mp4", "12:30:00.mp4", "\x1b]0;pwn\x07.mp4"):
        (tmp_path / name).write_bytes(CLIP)
        assert "\x1b" not in str(video.frames(name, max_frames=1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.MTS", True), ("https://x/a.mp4?sig=a.png", True), ("a.png", False), ("clip.gif", False), (3, False)],
)
def test_videos_are_recognised_by_their_file_extension(name, expected):
    assert video.is_video(name) == expected


def test_scenes_are_the_frames_where_the_picture_changes():
    from vlnb import samples

    sample = samples.clip(6, words=2)
    clip = video.frames(sample.data, scenes=True)
    assert [frame.time_s for frame in clip.frames] == [0, pytest.approx(sample.scene_s, abs=0.001)]
    assert clip.notes == ()


@pytest.mark.parametrize(("most", "numbers"), [(1, [0]), (2, [0, 8]), (3.7, [0, 4, 8]), (9, [0, 3, 4, 7, 8])])
def test_of_many_scenes_those_that_change_most_are_taken(most, numbers):
    """A scene differs in two bits of its number or more from the one before it: 3 in two, 4 in three, 8 in four."""
    clip = video.frames(make_video(seconds=0.36), scenes=True, fps=25, max_frames=most)
    assert [number_on(frame.picture) for frame in clip.frames] == numbers


@pytest.mark.parametrize(
    ("options", "count", "max_tokens"),
    [
        ({}, 16, 16 * 770),
        ({"fps": 25}, 64, 16_384),
        ({"fps": 25, "max_frames": 10}, 10, 7700),
        ({"budget_tokens": 1000}, 7, 1000),
        ({"budget_tokens": 1}, 1, 130),
        ({"fps": 1e-12}, 1, 770),
    ],
)
def test_frames_stay_within_the_limits_on_count_and_tokens(options, count, max_tokens):
    clip = video.frames(CLIP, **options)
    assert len(clip.frames) == count
    assert clip.tokens <= max_tokens
    width, height = clip.frames[0].picture.size
    assert (width % 28, height % 28) == (0, 0)
    assert clip.frames[0].picture.original_size == (640, 360)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b"", "cannot be read as a video"),
        (b"a text " * 1000, "cannot be read as a video"),
        (sound_only(), "has no pictures: it holds audio only"),
        (sound_with_cover(), "has no pictures"),
        (CLIP[: len(CLIP) // 2], "Was it cut off"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "cannot be read as a video"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "cannot be read as a video"),
        ("nowhere.mp4", "There is no file nowhere.mp4"),
        ("/tmp", "is a folder"),
        ("~nouser/x.mp4", "There is no file ~nouser/x.mp4"),
        (np.zeros((9, 9), np.uint8), "ndarray is neither a file nor an address"),
        (Image.new("RGB", (9, 9)), "Image is neither a file nor an address"),
    ],
    ids=[
        "empty",
        "text",
        "audio only",
        "audio with a cover picture",
        "index cut off",
        "playlist",
        "file list",
        "missing",
        "folder",
        "unknown user",
        "array",
        "image",
    ],
)
def test_a_file_that_is_not_a_video_raises_one_clear_sentence(source, sentence):
    with pytest.raises(BadInput, match=sentence):
        video.frames(source)


def test_a_video_without_a_frame_that_can_be_decoded_says_so_once(monkeypatch):
    begin, end = CLIP.index(b"mdat") + 4, CLIP.index(b"moov") - 4
    for scenes in (False, True):
        with pytest.raises(BadInput, match=r"memory can be decoded: a part of the file is damaged\.$"):
            video.frames(CLIP[:begin] + bytes(end - begin) + CLIP[end:], scenes=scenes)
    fragmented = make_video(seconds=1, options={"movflags": "frag_keyframe+empty_moov"})
    with pytest.raises(BadInput, match="holds no frame of video"):
        video.header(fragmented[: fragmented.index(b"moof") - 4])
    monkeypatch.setattr("vlnb.video.clip._MOST_FRAMES", 199)
    with pytest.raises(BadInput, match="more than 199 frames"):
        video.header(CLIP)


def test_a_truncated_video_ends_at_its_last_frame(tmp_path):
    path = tmp_path / "cut.mp4"
    write_faststart(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    clip = video.frames(path)
    assert clip.duration_s < 7
    assert "declares 8.00 s, but its pictures end at" in clip.notes[0]
    assert [number_on(frame.picture) for frame in clip.frames] == [round(frame.time_s * 25) for frame in clip.frames]


def test_a_sample_clip_is_accepted_as_a_video_source():
    from vlnb import samples

    sample = samples.clip(2, words=1)
    assert video.header(sample).times == video.header(sample.data).times
    assert video.is_video(sample)


def test_a_damaged_video_returns_its_other_frames_with_a_note(tmp_path):
    write_faststart(tmp_path / "whole.mp4")
    data = bytearray((tmp_path / "whole.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 8] = bytes(index * 37 % 256 for index in range(len(data) // 8))
    clip = video.frames(bytes(data))
    assert len(clip.frames) > 8
    damaged, lost = clip.notes
    assert "damaged" in damaged
    assert lost.endswith(" of 16 frames cannot be decoded: the next ones stand in for them")
    assert video.frames(clip, at=[0.0]).notes == video.frames(bytes(data), at=[0.0]).notes


@pytest.mark.parametrize("option", ["fps", "max_frames", "budget_tokens"])
@pytest.mark.parametrize("value", [0, -1])
def test_an_option_that_is_not_positive_is_refused(option, value):
    with pytest.raises(BadInput, match="must be positive"):
        video.frames(CLIP, **{option: value})


def test_scenes_and_moments_exclude_each_other():
    with pytest.raises(BadInput, match="Pass one of the two"):
        video.frames(CLIP, scenes=True, at=[1])


def test_a_clip_has_a_rich_display():
    mime_bundle = video.frames(CLIP)._repr_mimebundle_()
    assert mime_bundle["text/plain"].startswith("the video in memory: 8.00 s, 200 frames at 25/s; 16 taken")
    assert mime_bundle["text/html"].count("<img") == 8
