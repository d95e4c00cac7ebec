"""From a video file to frames with exact times, at the size at which a model sees them, in bounded memory.

A first pass reads the container without decoding it: that gives the time of every frame, even at a variable frame rate.
A second pass decodes only what the chosen frames need.
"""

from __future__ import annotations

import contextlib
import io
import math
import mimetypes
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb import extras, images
from vlnb.errors import BadInput
from vlnb.images.picture import Picture, to_html, to_uri
from vlnb.images.sizing import DELIMITER_TOKENS, UNIT_PX, check_pixels, smart_resize
from vlnb.local import expanded
from vlnb.markup import element, row
from vlnb.samples import SampleClip
from vlnb.terminal import printable

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

FPS, MAX_FRAMES, BUDGET_TOKENS = 2.0, 64, 16_384
FRAME_TOKENS = (128, 768)  # fewest and most tokens that servers spend on a frame
# Common formats, but no playlists and the like, which make FFmpeg open other files.
_FORMATS = "mov,mp4,matroska,webm,avi,gif,mpegts,mpeg,flv,ogg,asf"
_NO_SEEK = frozenset(("avi", "mpeg", "flv"))
_MOST_FRAMES = 5_000_000  # a day at 57 frames a second
_SKIPS = frozenset({"h264", "hevc"})  # decoders that can skip non-reference frames
_ENDINGS = frozenset(".mp4 .m4v .mov .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .flv .ogv .wmv .3gp .3g2".split())
_CHANGE = 8.0  # of 255: a larger mean difference of two thumbnails is a new scene
_SHOWN, _SHOWN_PX = 8, 160

Media = Path | bytes


@dataclass(frozen=True)
class Frame:
    """A frame at the size at which it is sent, and its time in seconds from the first frame of the clip."""

    time_s: float
    picture: Picture


@dataclass(frozen=True)
class Header:
    """The contents of a file: `times` of all frames and of its `keys` (key frames), in units of `unit_s` seconds.

    `size` is (width, height) in pixels of an upright frame. `duration_s` runs from the first frame to the end of the
    last, whatever the file declares. `timed` is False for files that store only the order of frames (AVI), `seekable`
    for files in which a seek loses frames or their times.
    """

    name: str
    media: Media = field(repr=False)
    size: tuple[int, int]
    times: Sequence[int] = field(repr=False)
    keys: Sequence[int] = field(repr=False)
    unit_s: float
    duration_s: float
    notes: tuple[str, ...] = ()
    timed: bool = True
    seekable: bool = True

    @property
    def fps(self) -> float:
        """Frames per second, on average."""
        return len(self.times) / self.duration_s

    def at(self, time_s: float) -> int:
        """Return the time, in the file's units, of the frame nearest to `time_s`."""
        target = self.times[0] + time_s / self.unit_s
        after = bisect_left(self.times, target)
        return min(self.times[max(0, after - 1) : after + 1], key=lambda time: abs(time - target))


@dataclass(frozen=True)
class Clip(Header):
    """A video and the `frames` taken from it, to be sent with a prompt. `tokens` is their cost as pictures."""

    frames: tuple[Frame, ...] = field(default=(), repr=False)
    file_notes: tuple[str, ...] = field(default=(), repr=False)  # the notes about the file, not about the frames

    @property
    def tokens(self) -> int:
        """The image tokens of the frames as pictures, without the text of their times."""
        return sum(images.tokens(*frame.picture.size) + DELIMITER_TOKENS for frame in self.frames)

    @property
    def parts(self) -> list[str | Picture]:
        """The frames, each after a text with its time, in the order in which `endpoint.ask` sends them."""
        return [part for frame in self.frames for part in (f"t = {frame.time_s:.2f} s:", frame.picture)]

    def nearest(self, time_s: float) -> Frame:
        """Return the frame that is nearest to `time_s` seconds."""
        return min(self.frames, key=lambda frame: abs(frame.time_s - time_s))

    def __str__(self) -> str:
        """Return one line: the file, the frames taken from it, and the notes."""
        seen = "{} x {}".format(*self.frames[0].picture.size)
        head = f"{self.name}: {self.duration_s:.2f} s, {counted(len(self.times))} at {self.fps:.3g}/s"
        taken = f"{len(self.frames)} taken, {seen} px, {self.tokens:,} tokens"
        return printable("; ".join([head, taken, *self.notes]))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        chosen = self.frames[:: math.ceil(len(self.frames) / _SHOWN)]
        strip = row(*(to_html(frame.picture, shown_px=_SHOWN_PX) for frame in chosen))
        return {"text/plain": str(self), "text/html": element("div", strip, element("small", str(self)))}


def counted(frames: int) -> str:
    """Return a number of frames in words: "1 frame", "1,200 frames"."""
    return f"{frames:,} frame{'s' * (frames != 1)}"


def is_video(source: object) -> bool:
    """Return whether `source` is a `Header`, a sample clip, or a path or URL with the extension of a video."""
    if isinstance(source, str | Path):
        return Path(re.sub(r"^(https?://[^?#]{1,2000}).*", r"\1", str(source))).suffix.lower() in _ENDINGS
    return isinstance(source, Header | SampleClip)


def data_uri(video: Header) -> str:
    """Return the file as a `data:` URI for the request body. Raises `BadInput` if it has more than 64 MB."""
    data, _ = images.as_bytes(video.media)
    kind = mimetypes.guess_type(video.name)[0] or ""  # .ts, .mts and .3gp have other meanings, too
    return to_uri(kind if kind.startswith("video/") else "video/mp4", data)


def header(source: images.Source) -> Header:
    """Return the times of all frames of a video, without decoding them.

    `source` is a path, an address, bytes, an open file or an upload, as for `images.load`, or a `samples.clip`. A file
    on disk may have any size.

    Raises:
        BadInput: The file does not exist, is not a video, or holds no frame.
    """
    if isinstance(source, Header):
        return source
    source = source.data if isinstance(source, SampleClip) else source
    media, name = _media(source)
    times, keys = array("q"), list[int]()  # a fifth of the memory of a list
    notes: list[str] = []
    with _opened(media, name, notes) as (container, stream):
        size, unit_s, last = (stream.width, stream.height), float(stream.time_base or 1), -math.inf
        check_pixels(f"A frame of {name}", *size, images.MAX_FILE_PIXELS, cure="Reduce it with ffmpeg -vf scale=…")
        declared_s = (container.duration or 0) / 1e6
        form = container.format.name
        timed = form != "avi"  # FFmpeg invents its times, in decoding order
        for packet in container.demux(stream):
            if packet.is_discard or not packet.size:
                continue
            times.append(_time(packet))
            last = max(last, times[-1] + (packet.duration or 0))
            if packet.is_keyframe:
                keys.append(times[-1])
            if len(times) > _MOST_FRAMES:
                raise BadInput(f"{name} has more than {_MOST_FRAMES:,} frames. Cut it into pieces.")
    if not times:
        raise BadInput(f"{name} holds no frame of video.")
    times = array("q", sorted(times))
    ends = last if last > times[-1] else times[-1] + max(1, (times[-1] - times[0]) // max(1, len(times) - 1))
    duration_s = (ends - times[0]) * unit_s
    if declared_s - max(0, times[0] * unit_s) > duration_s + max(0.5, 0.05 * duration_s):  # MKV counts from 0
        notes.append(f"the file declares {declared_s:.2f} s, but its pictures end at {duration_s:.2f} s")
    seekable = form not in _NO_SEEK
    video = Header(name, media, size, times, sorted(keys), unit_s, duration_s, tuple(notes), timed, seekable)
    first = next(decoded(video, times[:1], []), None)  # only a frame knows how it must be turned
    return replace(video, size=size[::-1]) if first and first.rotation % 180 else video


def plan(
    video: Header, *, fps: float = FPS, max_frames: int = MAX_FRAMES, budget_tokens: int = BUDGET_TOKENS
) -> tuple[list[int], tuple[int, int]]:
    """Return the times of the frames to take, in the file's units, and the (width, height) of each in pixels.

    The frames are evenly spaced, `fps` a second and at most `max_frames`; all together they cost at most
    `budget_tokens`. A small budget gives fewer frames, because a frame of less than 128 tokens shows nothing.

    Raises:
        BadInput: An option is not positive.
    """
    if not (0 < fps < math.inf and max_frames > 0 and budget_tokens > 0):
        raise BadInput("fps, max_frames and budget_tokens must be positive.")
    most = max(1, int(min(max_frames, budget_tokens // (FRAME_TOKENS[0] + DELIMITER_TOKENS))))
    most = min(most, 10 * len(video.times))  # more moments than frames only take time
    step_s = max(1 / fps, video.duration_s / most)
    moments = (video.at(i * step_s) for i in range(max(1, min(most, math.ceil(video.duration_s / step_s - 1e-6)))))
    times = list(dict.fromkeys(moments))
    tokens = min(FRAME_TOKENS[1], max(FRAME_TOKENS[0], budget_tokens // len(times) - DELIMITER_TOKENS))
    return times, smart_resize(*video.size, max_pixels=tokens * UNIT_PX**2)


def frames(
    source: images.Source,
    *,
    fps: float = FPS,
    max_frames: int = MAX_FRAMES,
    budget_tokens: int = BUDGET_TOKENS,
    scenes: bool = False,
    at: Sequence[float] = (),
) -> Clip:
    """Return frames of a video with their times, as many and as large as `plan` says.

    With `scenes`, these are the first frame and those where the picture changes most. With `at`, they are the frames
    nearest to these times, in seconds.

    Each frame has the file's own time, is turned upright, and is kept as JPEG. A long job shows a progress bar.

    Raises:
        BadInput: As in `header` and `plan`; or no frame can be decoded; or both `scenes` and `at` are given.
    """
    from tqdm.auto import tqdm

    if scenes and len(at):
        raise BadInput("scenes=True chooses the frames itself, so `at` has no effect. Pass one of the two.")
    video = header(source)
    times, size = plan(video, fps=fps, max_frames=max_frames, budget_tokens=budget_tokens)
    most = len(times)
    if scenes or len(at):
        times = list(dict.fromkeys(video.times if scenes else map(video.at, sorted(at))))
    file_notes = video.file_notes if isinstance(video, Clip) else video.notes
    notes = list(file_notes)
    taken = tqdm(decoded(video, times, notes), "frames", len(times), delay=2, leave=False, disable=None)
    kept = _changed(taken, most, size, video) if scenes else [_frame(frame, size, video) for frame in taken]
    notes = list(dict.fromkeys(notes))  # each damaged part adds one
    if not kept:
        raise BadInput(f"No frame of {video.name} can be decoded: {'; '.join(notes) or 'the file is broken'}.")
    if not scenes and (lost := len(set(times).difference(video.at(frame.time_s) for frame in kept))):
        notes.append(f"{lost} of {len(times)} frames cannot be decoded: the next ones stand in for them")
    return Clip(**vars(video) | {"frames": tuple(kept), "notes": tuple(notes), "file_notes": file_notes})


def decoded(video: Header, times: Sequence[int], notes: list[str]) -> Iterator[VideoFrame]:
    """Yield the frame at each of the ascending `times`; instead of one that cannot be decoded, the next that can.

    It seeks if there is a key frame between the current position and the next time, unless decoding all is quicker.
    """
    through = len(times) > 2 * len(video.keys) or not video.seekable
    chosen, position = frozenset(times if video.timed else video.times), -math.inf
    with _opened(video.media, video.name, notes) as (container, stream):
        stream.thread_type = "AUTO"
        source = _frames(container, stream, chosen, notes)
        if not video.timed:  # the decoder returns frames in presentation order
            source = (_dated(frame, time) for frame, time in zip(source, video.times, strict=False))
        for target in times:
            at = bisect_right(video.keys, target)
            if not through and at and position < video.keys[at - 1]:
                for key in (*video.keys[max(0, at - 2) : at][::-1], video.times[0] - round(10 / video.unit_s)):
                    with contextlib.suppress(OSError, ValueError):  # without seeking, decoding goes on from here
                        container.seek(key, stream=stream)
                    source = _frames(container, stream, chosen, notes)
                    first = next(source, None)
                    if first and _time(first) <= target:
                        break  # else the seek landed too late, as in MPEG-TS: try an earlier key frame
                source = chain([first] if first else [], source)
            while position < target and (frame := next(source, None)):
                if (position := _time(frame)) >= target:
                    yield frame


def _dated(frame: VideoFrame, time: int) -> VideoFrame:
    frame.pts = time
    return frame


def _frames(
    container: InputContainer, stream: VideoStream, chosen: frozenset[int], notes: list[str]
) -> Iterator[VideoFrame]:
    """Yield the frames from the current position on, but of the non-reference frames only those that are `chosen`."""
    import av

    for packet in container.demux(stream):
        if stream.codec_context.name in _SKIPS:
            needed = not packet.size or _time(packet) in chosen
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            notes.append("a part of the file is damaged")


def _time(part: Packet[VideoStream] | VideoFrame) -> int:
    """Return the presentation time of a packet or a frame, or its decoding time if the format has no other."""
    return next((time for time in (part.pts, part.dts) if time is not None), 0)


def _frame(decoded: VideoFrame, size: tuple[int, int], video: Header) -> Frame:
    width, height = size[::-1] if decoded.rotation % 180 else size
    image = decoded.to_image(width=width, height=height, interpolation="BICUBIC")
    if decoded.rotation:
        image = image.rotate(decoded.rotation, expand=True)
    time_s = (_time(decoded) - video.times[0]) * video.unit_s
    return Frame(time_s, Picture.stored(image, f"{video.name} at {time_s:.2f} s", video.size, f"{time_s:.2f} s"))


def _changed(taken: Iterable[VideoFrame], most: int, size: tuple[int, int], video: Header) -> list[Frame]:
    """Return the first frame and the `most` - 1 others that differ most from the scene before them."""
    import numpy as np

    kept: list[tuple[float, Frame]] = []
    before = None
    for frame in taken:
        small = frame.reformat(32, 18, "gray8", interpolation="AREA").to_ndarray().astype(np.int16)
        change = math.inf if before is None else float(np.abs(small - before).mean())
        if change > _CHANGE:
            before = small
            if len(kept) < most or change > min(kept, key=itemgetter(0))[0]:  # encoding every change would be slow
                kept.append((change, _frame(frame, size, video)))
        if len(kept) > most:
            kept.remove(min(kept, key=itemgetter(0)))
    return [frame for _, frame in kept]


def _media(source: images.Source) -> tuple[Media, str]:
    """Return the path of a file on disk, or the bytes of any other source, and a name."""
    with contextlib.suppress(TypeError, OSError, ValueError):
        path = expanded(Path(source))
        if path.is_file():
            return path.resolve(), path.name  # a name such as file:x.mp4 must not choose a protocol
    data, name = images.as_bytes(source)
    return data, name.replace("the picture", "the video")


@contextlib.contextmanager
def _opened(media: Media, name: str, notes: list[str]) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video; a truncated or damaged file ends where it breaks off."""
    extras.require("video", "Reading video")
    import av

    file = io.BytesIO(media) if isinstance(media, bytes) else str(media)
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    try:
        container = av.open(file, "r", options=options, metadata_errors="replace")  # a title may be in any encoding
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read as a video. Was it cut off, or is it another kind of file?") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            raise BadInput(
                f"{name} has no pictures: it holds {', '.join(s.type for s in container.streams) or 'nothing'} only."
            )
        if getattr(streams[0], "codec_context", None) is None:
            raise BadInput(f"{name} is in a format that cannot be decoded here. Convert it: ffmpeg -i FILE new.mp4")
        streams[0].codec_context.options = {"max_pixels": str(images.MAX_FILE_PIXELS)}  # the size may change midway
        try:
            yield container, streams[0]
        except (av.error.FFmpegError, EOFError):
            notes.append("the file is damaged from some point on, or cut off")
