"""Frames of videos whose pixels say which frame they are: each is the nearest one, and its time is exact."""

import io
import itertools

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.video.clips import indexed_first, made, number_on, sound_only, sound_with_cover
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
    "AVI": {"kind": "avi", "codec": "mpeg4"},
    "AVI with B-frames": {"kind": "avi"},
    "AV1": {"codec": "libsvtav1", "seconds": 2},
    "GIF": {"kind": "gif", "codec": "gif", "fps": 10, "seconds": 4},
    "WebM": {"kind": "webm", "codec": "libvpx-vp9", "seconds": 2},
    "key frames only": {"gop": 1, "seconds": 3},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fps", [0.7, 2, 25], ids=["by seeking", "two a second", "every frame"])
def test_each_frame_is_the_nearest_and_has_its_own_time(kind, fps):
    options = KINDS[kind]
    truth = options.get("times") or [
        number / options.get("fps", 25) for number in range(round(options.get("fps", 25) * options.get("seconds", 8)))
    ]
    clip = video.frames(made(**options), fps=fps, max_frames=1000, budget_tokens=10**6)
    assert clip.notes == ()
    assert clip.size == ((360, 640) if kind == "turned" else (640, 360))
    shown = [number_on(frame.picture, turned=options.get("turned", 0)) for frame in clip.frames]
    assert [truth[number] for number in shown] == pytest.approx([frame.time_s for frame in clip.frames], abs=0.002)
    for number in range(int(clip.duration_s * fps)):
        moment = number / fps
        nearest = min(abs(time - moment) for time in truth)
        assert min(abs(frame.time_s - moment) for frame in clip.frames) == pytest.approx(nearest, abs=0.002)


def test_a_clip_that_starts_before_time_zero_lasts_as_long_as_its_frames():
    data = made(kind="mpegts", seconds=2, offset_s=-10, options={"avoid_negative_ts": "disabled"})
    assert video.header(data).duration_s == pytest.approx(2, abs=0.05)


CLIP = made()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 8), min_size=1, max_size=6))
def test_a_moment_gives_the_frame_nearest_to_it(moments):
    clip = video.frames(CLIP, at=moments)
    for moment in moments:
        frame = clip.nearest(moment)
        assert frame.time_s == pytest.approx(min(moment, 7.96), abs=0.0201)
        assert number_on(frame.picture) == round(frame.time_s * 25)


def test_the_clips_have_frames_that_depend_on_later_ones():
    """Without B-frames the order of decoding would be that of showing, and half of these tests would prove nothing."""
    for kind in ("mp4", "avi"):
        with av.open(io.BytesIO(made(kind=kind, seconds=1))) as container:
            kinds = {frame.pict_type for frame in container.decode(video=0)}
        assert av.video.frame.PictureType.B in kinds


def test_a_moment_of_av1_gives_its_frame():
    clip = video.frames(made(codec="libsvtav1", seconds=2), at=[1.32])
    assert [number_on(frame.picture) for frame in clip.frames] == [33]
    assert clip.notes == ()


def test_a_video_that_grows_on_the_way_is_not_followed(monkeypatch):
    monkeypatch.setattr(images, "MAX_FILE_PIXELS", 640 * 360)
    grown = made(kind="mpegts", seconds=2) + made(kind="mpegts", seconds=2, size=(1280, 720), offset_s=2)
    clip = video.frames(grown, fps=4)
    assert max(frame.time_s for frame in clip.frames) < 2
    assert any("damaged" in note for note in clip.notes)


def test_a_format_without_a_decoder_is_a_sentence(tmp_path):
    (tmp_path / "odd.mp4").write_bytes(CLIP.replace(b"avc1", b"zzzz"))
    with pytest.raises(BadInput, match="in a format that cannot be decoded here"):
        video.frames(tmp_path / "odd.mp4")


def test_a_name_chooses_no_protocol_and_steers_no_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("file:x.mp4", "12:30:00.mp4", "\x1b]0;pwn\x07.mp4"):
        (tmp_path / name).write_bytes(CLIP)
        assert "\x1b" not in str(video.frames(name, max_frames=1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.MTS", True), ("https://x/a.mp4?sig=a.png", True), ("a.png", False), ("clip.gif", False), (3, False)],
)
def test_which_names_are_videos(name, expected):
    assert video.is_video(name) == expected


def test_scenes_are_the_frames_where_the_picture_changes():
    from vlnb import samples

    sample = samples.clip(6, words=2)
    clip = video.frames(sample.data, scenes=True)
    assert [frame.time_s for frame in clip.frames] == [0, pytest.approx(sample.scene_s, abs=0.001)]


@pytest.mark.parametrize(
    ("options", "count", "most"),
    [
        ({}, 16, 16 * 770),
        ({"fps": 25}, 64, 16_384),
        ({"fps": 25, "max_frames": 10}, 10, 7700),
        ({"budget_tokens": 1000}, 7, 1000),
        ({"budget_tokens": 1}, 1, 130),
    ],
)
def test_frames_keep_to_their_budget(options, count, most):
    clip = video.frames(CLIP, **options)
    assert len(clip.frames) == count
    assert clip.tokens <= most
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
    ],
    ids=[
        "empty",
        "text",
        "sound only",
        "a song with its cover",
        "index cut off",
        "playlist",
        "list of files",
        "missing",
        "folder",
    ],
)
def test_what_is_no_video_is_a_sentence(source, sentence):
    with pytest.raises(BadInput, match=sentence):
        video.frames(source)


def test_a_video_that_was_cut_ends_where_its_pictures_end(tmp_path):
    path = tmp_path / "cut.mp4"
    indexed_first(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    clip = video.frames(path)
    assert clip.duration_s < 7
    assert "declares 8.00 s, but its pictures end at" in clip.notes[0]
    assert [number_on(one.picture) for one in clip.frames] == [round(one.time_s * 25) for one in clip.frames]


def test_a_sample_clip_is_a_source_as_it_is():
    from vlnb import samples

    sample = samples.clip(2, words=1)
    assert video.header(sample).times == video.header(sample.data).times
    assert video.is_video(sample)


def test_a_video_damaged_in_the_middle_gives_what_is_left(tmp_path):
    indexed_first(tmp_path / "whole.mp4")
    data = bytearray((tmp_path / "whole.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 8] = bytes(index * 37 % 256 for index in range(len(data) // 8))
    clip = video.frames(bytes(data))
    assert len(clip.frames) > 8
    assert any("damaged" in note for note in clip.notes)
    assert video.frames(clip, at=[0.0]).notes == video.frames(bytes(data), at=[0.0]).notes


@pytest.mark.parametrize("option", ["fps", "max_frames", "budget_tokens"])
@pytest.mark.parametrize("value", [0, -1])
def test_an_option_that_is_not_positive_is_refused(option, value):
    with pytest.raises(BadInput, match="must be positive"):
        video.frames(CLIP, **{option: value})


def test_a_clip_shows_itself():
    shown = video.frames(CLIP)._repr_mimebundle_()
    assert shown["text/plain"].startswith("the video in memory: 8.00 s, 200 frames at 25/s; 16 taken")
    assert shown["text/html"].count("<img") == 8
