"""From a video file to frames with exact times, each at the size at which a model sees it, in bounded memory.

The container is read once without decoding: that gives the time of every frame, whether the rate is constant or not.
Then only what leads to the chosen frames is decoded.
"""

from __future__ import annotations

import contextlib
import io
import math
import mimetypes
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb import extras, images
from vlnb.errors import BadInput
from vlnb.images.picture import Picture, to_html, to_uri
from vlnb.images.sizing import DELIMITER_TOKENS, UNIT_PX, check_pixels, smart_resize
from vlnb.markup import element, row
from vlnb.samples import SampleClip
from vlnb.terminal import printable

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

FPS, MAX_FRAMES, BUDGET_TOKENS = 2.0, 64, 16_384
FRAME_TOKENS = (128, 768)  # least and most that servers spend on a frame
# What a person has; playlists and the like, which make FFmpeg open other files, are left out.
_FORMATS = "mov,mp4,matroska,webm,avi,gif,mpegts,mpeg,flv,ogg,asf"
_MOST_FRAMES = 5_000_000  # a day at 57 frames a second
_SKIPS = frozenset({"h264", "hevc"})  # decoders that may leave out frames on which no other depends
_ENDINGS = frozenset(".mp4 .m4v .mov .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .flv .ogv .wmv .3gp .3g2".split())
_CHANGE = 8.0  # of 255, mean difference of two thumbnails: a new scene
_SHOWN, _SHOWN_PX = 8, 160

Media = Path | bytes


@dataclass(frozen=True)
class Frame:
    """A frame, at the size at which it is sent, and its time in seconds from the first frame of the clip."""

    time_s: float
    picture: Picture


@dataclass(frozen=True)
class Header:
    """What a file holds: `times` of all frames in its own units of `unit_s` seconds, and which are `keys`.

    `size` is (width, height) in pixels of an upright frame. `duration_s` runs from the first frame to the end of the
    last, whatever the file declares. `timed` is False for files that know only the order of frames (AVI).
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

    @property
    def fps(self) -> float:
        """Frames per second, on average."""
        return len(self.times) / self.duration_s

    def at(self, time_s: float) -> int:
        """Return the time, in the file's units, of the frame nearest to `time_s`."""
        wanted = self.times[0] + time_s / self.unit_s
        after = bisect_left(self.times, wanted)
        return min(self.times[max(0, after - 1) : after + 1], key=lambda time: abs(time - wanted))


@dataclass(frozen=True)
class Clip(Header):
    """A video with `frames` of it, ready to be asked about. `tokens` is their cost as pictures."""

    frames: tuple[Frame, ...] = field(default=(), repr=False)
    of_file: tuple[str, ...] = field(default=(), repr=False)  # those of the notes that are not about the frames

    @property
    def tokens(self) -> int:
        """What the frames cost as pictures, without the words that say their times."""
        return sum(images.tokens(*frame.picture.size) + DELIMITER_TOKENS for frame in self.frames)

    @property
    def said(self) -> list[str | Picture]:
        """The frames with their times in words, in the order in which `endpoint.ask` sends them."""
        return [part for frame in self.frames for part in (f"t = {frame.time_s:.2f} s:", frame.picture)]

    def nearest(self, time_s: float) -> Frame:
        """Return the frame that is nearest to `time_s` seconds."""
        return min(self.frames, key=lambda frame: abs(frame.time_s - time_s))

    def __str__(self) -> str:
        """Return one line: the file, what is taken from it, and what is unusual about it."""
        seen = "{} x {}".format(*self.frames[0].picture.size)
        head = f"{self.name}: {self.duration_s:.2f} s, {len(self.times):,} frames at {self.fps:.3g}/s"
        taken = f"{len(self.frames)} taken, {seen} px, {self.tokens:,} tokens"
        return printable("; ".join([head, taken, *self.notes]))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        chosen = self.frames[:: math.ceil(len(self.frames) / _SHOWN)]
        strip = row(*(to_html(frame.picture, shown_px=_SHOWN_PX) for frame in chosen))
        return {"text/plain": str(self), "text/html": element("div", strip, element("small", str(self)))}


def is_video(source: object) -> bool:
    """Return whether a path or an address names a video, by its ending, or `source` is a `Header` already."""
    if isinstance(source, str | Path):
        return Path(re.sub(r"^(https?://[^?#]{1,2000}).*", r"\1", str(source))).suffix.lower() in _ENDINGS
    return isinstance(source, Header | SampleClip)


def data_uri(found: Header) -> str:
    """Return the file as a `data:` URI, its form inside a request. Raises `BadInput` if it has more than 64 MB."""
    data, _ = images.as_bytes(found.media, max_bytes=images.MAX_FILE_BYTES, timeout_s=images.TIMEOUT_S)
    return to_uri(mimetypes.guess_type(found.name)[0] or "video/mp4", data)


def header(source: images.Source) -> Header:
    """Return the times of all frames of a video, without decoding them.

    `source` is what `images.load` takes; a file on disk may have any size.

    Raises:
        BadInput: There is no such file, it is not a video, or holds no frame.
    """
    if isinstance(source, Header):
        return source
    source = source.data if isinstance(source, SampleClip) else source
    media, name = _media(source)
    times: list[int] = []
    keys: list[int] = []
    notes: list[str] = []
    with _opened(media, name, notes) as (container, stream):
        size, unit_s, last = (stream.width, stream.height), float(stream.time_base or 1), 0
        check_pixels(f"A frame of {name}", *size, images.MAX_FILE_PIXELS, cure="Reduce it with ffmpeg -vf scale=…")
        declared_s = (container.duration or 0) / 1e6
        timed = container.format.name != "avi"  # FFmpeg makes its times up, in the order of decoding
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
    times.sort()
    ends = last if last > times[-1] else times[-1] + max(1, (times[-1] - times[0]) // max(1, len(times) - 1))
    duration_s = (ends - times[0]) * unit_s
    if declared_s - max(0, times[0] * unit_s) > duration_s + max(0.5, 0.05 * duration_s):  # MKV counts from 0
        notes.append(f"the file declares {declared_s:.2f} s, but its pictures end at {duration_s:.2f} s")
    rotation = 0
    with _opened(media, name, []) as (container, stream):
        rotation = next((frame.rotation for frame in _frames(container, stream, frozenset(), [])), 0)
    size = size[::-1] if rotation % 180 else size
    return Header(name, media, size, times, sorted(keys), unit_s, duration_s, tuple(notes), timed)


def plan(
    found: Header, *, fps: float = FPS, max_frames: int = MAX_FRAMES, budget_tokens: int = BUDGET_TOKENS
) -> tuple[list[int], tuple[int, int]]:
    """Return which frames to take, by their times in the file's units, and the (width, height) of each in pixels.

    There are `fps` a second, evenly spread and at most `max_frames`, and all of them cost at most `budget_tokens`. With
    less than 128 tokens each there would be nothing to see, so there are fewer of them.

    Raises:
        BadInput: An option is not positive.
    """
    if not (0 < fps < math.inf and max_frames > 0 and budget_tokens > 0):
        raise BadInput("fps, max_frames and budget_tokens must be positive.")
    most = max(1, min(max_frames, budget_tokens // (FRAME_TOKENS[0] + DELIMITER_TOKENS)))
    most = min(most, 10 * len(found.times))  # moments between which there is no frame cost time, and give nothing
    step_s = max(1 / fps, found.duration_s / most)
    moments = (found.at(i * step_s) for i in range(min(most, math.ceil(found.duration_s / step_s - 1e-6))))
    wanted = list(dict.fromkeys(moments))
    tokens = min(FRAME_TOKENS[1], max(FRAME_TOKENS[0], budget_tokens // len(wanted) - DELIMITER_TOKENS))
    return wanted, smart_resize(*found.size, max_pixels=tokens * UNIT_PX**2)


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

    With `scenes`, as many frames as that, but where the picture changes most, and the first one. With `at`, the frames
    nearest to these moments, in seconds.

    Each frame has the file's own time. Frames are turned upright, and kept as JPEG. A long job shows its progress.

    Raises:
        BadInput: As `header` and `plan` do; or no frame can be decoded.
    """
    from tqdm.auto import tqdm

    found = header(source)
    wanted, size = plan(found, fps=fps, max_frames=max_frames, budget_tokens=budget_tokens)
    most = len(wanted)
    if scenes or at:
        wanted = list(dict.fromkeys(found.times if scenes else map(found.at, sorted(at))))
    of_file = found.of_file if isinstance(found, Clip) else found.notes
    notes = list(of_file)
    taken = tqdm(decoded(found, wanted, notes), "frames", len(wanted), delay=2, leave=False, disable=None)
    chosen = _changed(taken, most, size, found) if scenes else [_frame(one, size, found) for one in taken]
    if not chosen:
        raise BadInput(f"No frame of {found.name} can be decoded: {'; '.join(notes) or 'the file is broken'}.")
    if not scenes and (lost := len(set(wanted).difference(found.at(one.time_s) for one in chosen))):
        notes.append(f"{lost} of {len(wanted)} frames cannot be decoded: the next ones stand in for them")
    return Clip(**vars(found) | {"frames": tuple(chosen), "notes": tuple(dict.fromkeys(notes)), "of_file": of_file})


def decoded(found: Header, wanted: Sequence[int], notes: list[str]) -> Iterator[VideoFrame]:
    """Yield the frame of each of the `wanted` times, which ascend. For one that cannot be decoded, the next that can.

    It seeks when a key frame lies between here and the next wanted frame, unless decoding everything is quicker.
    """
    through = len(wanted) > 2 * len(found.keys) or not found.timed
    chosen, here = frozenset(wanted if found.timed else found.times), -math.inf
    with _opened(found.media, found.name, notes) as (container, stream):
        stream.thread_type = "AUTO"
        source = _frames(container, stream, chosen, notes)
        if not found.timed:  # frames come out in the order in which they are shown
            source = (_dated(frame, time) for frame, time in zip(source, found.times, strict=False))
        for target in wanted:
            at = bisect_right(found.keys, target)
            if not through and at and here < found.keys[at - 1]:
                for key in (*found.keys[max(0, at - 2) : at][::-1], found.times[0] - round(10 / found.unit_s)):
                    with contextlib.suppress(OSError, ValueError):  # a format that cannot seek is read on
                        container.seek(key, stream=stream)
                    source = _frames(container, stream, chosen, notes)
                    first = next(source, None)
                    if first and _time(first) <= target:
                        break  # else the seek landed too late, as in MPEG-TS: try from further back
                source = chain([first] if first else [], source)
            while here < target and (frame := next(source, None)):
                if (here := _time(frame)) >= target:
                    yield frame


def _dated(frame: VideoFrame, time: int) -> VideoFrame:
    frame.pts = time
    return frame


def _frames(
    container: InputContainer, stream: VideoStream, chosen: frozenset[int], notes: list[str]
) -> Iterator[VideoFrame]:
    """Yield the frames from here on; those on which no other depends only where their times are `chosen`."""
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
    """Return when a packet or a frame is shown; where a format does not say, when it is decoded."""
    return next((time for time in (part.pts, part.dts) if time is not None), 0)


def _frame(decoded: VideoFrame, size: tuple[int, int], found: Header) -> Frame:
    width, height = size[::-1] if decoded.rotation % 180 else size
    image = decoded.to_image(width=width, height=height, interpolation="BICUBIC")
    if decoded.rotation:
        image = image.rotate(decoded.rotation, expand=True)
    time_s = (_time(decoded) - found.times[0]) * found.unit_s
    return Frame(time_s, Picture.stored(image, f"{found.name} at {time_s:.2f} s", found.size, f"{time_s:.2f} s"))


def _changed(taken: Iterable[VideoFrame], most: int, size: tuple[int, int], found: Header) -> list[Frame]:
    """Return the first frame and the `most` - 1 others that differ most from the one kept before them."""
    import numpy as np

    kept: list[tuple[float, Frame]] = []
    before = None
    for one in taken:
        small = one.reformat(32, 18, "gray8", interpolation="AREA").to_ndarray().astype(np.int16)
        change = math.inf if before is None else float(np.abs(small - before).mean())
        if change > _CHANGE:
            before = small
            if len(kept) < most or change > min(kept, key=itemgetter(0))[0]:  # to encode every change would take long
                kept.append((change, _frame(one, size, found)))
        if len(kept) > most:
            kept.remove(min(kept, key=itemgetter(0)))
    return [frame for _, frame in kept]


def _media(source: images.Source) -> tuple[Media, str]:
    """Return the path of a file on disk, or the bytes of anything else, and a name."""
    with contextlib.suppress(TypeError, OSError, ValueError):
        path = Path(source).expanduser()
        if path.is_file():
            return path.resolve(), path.name  # a name such as file:x.mp4 must not choose a protocol
    data, name = images.as_bytes(source, max_bytes=images.MAX_FILE_BYTES, timeout_s=images.TIMEOUT_S)
    return data, name.replace("the picture", "the video")


@contextlib.contextmanager
def _opened(media: Media, name: str, notes: list[str]) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video; a file that breaks off is one that ends there."""
    extras.require("video", "Reading video")
    import av

    file = io.BytesIO(media) if isinstance(media, bytes) else str(media)
    try:
        container = av.open(file, "r", options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read as a video. Was it cut off, or is it another kind of file?") from error
    with container:
        streams = [one for one in container.streams.video if not one.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            raise BadInput(
                f"{name} has no pictures: it holds {', '.join(s.type for s in container.streams) or 'nothing'} only."
            )
        if getattr(streams[0], "codec_context", None) is None:
            raise BadInput(f"{name} is in a format that cannot be decoded here. Convert it: ffmpeg -i FILE new.mp4")
        streams[0].codec_context.options = {"max_pixels": str(images.MAX_FILE_PIXELS)}  # it may change on the way
        try:
            yield container, streams[0]
        except (av.error.FFmpegError, EOFError):
            notes.append("the file is damaged from some point on, or cut off")
