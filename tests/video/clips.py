"""Videos whose pixels encode the number of each frame: a row of bits, white for 1."""

import io
from fractions import Fraction

import av
import numpy as np
from PIL import Image

BITS = 12
UNIT = Fraction(1, 1000)


def make_video(  # noqa: PLR0913
    kind="mp4",
    *,
    fps=25,
    seconds=8,
    gop=50,
    codec="libx264",
    times=None,
    turned=0,
    offset_s=0,
    options=None,
    to=None,
    size=(640, 360),
    title=None,
):
    """Return the bytes of a video, or write it to the path `to`. `times` are the times of its frames in seconds."""
    buffer = io.BytesIO()
    times = [number / fps for number in range(round(fps * seconds))] if times is None else times
    with av.open(to or buffer, "w", format=kind, options=options or {}, metadata_errors="surrogateescape") as container:
        container.metadata.update({"title": title} if title else {})
        stream = container.add_stream(codec, rate=fps)
        (stream.width, stream.height), stream.pix_fmt = size, "rgb8" if codec == "gif" else "yuv420p"
        unit = {"gif": Fraction(1, 100), "mpeg2video": Fraction(1, fps)}.get(codec, UNIT)
        stream.time_base = stream.codec_context.time_base = unit
        if codec == "libx264":
            stream.options = {"g": str(gop), "bf": "3", "b_strategy": "0", "preset": "veryfast"}  # I, B, B, B, P …
        if turned:
            stream.set_display_rotation(turned)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(_frame_pixels(number), format="rgb24")
            frame.time_base, frame.pts = stream.time_base, round((time + offset_s) / stream.time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return to or buffer.getvalue()


def _frame_pixels(number):
    pixels = np.full((360, 640, 3), 40, np.uint8)
    for bit in range(BITS):
        pixels[40:140, 20 + 50 * bit : 60 + 50 * bit] = 255 * (number >> bit & 1)
    return pixels


def number_on(picture, *, turned=0):
    """Return the number of the frame that a picture of such a video shows."""
    upright = picture.image.rotate(-turned, expand=True).convert("L").resize((640, 360), Image.Resampling.BILINEAR)
    return sum((upright.getpixel((40 + 50 * bit, 90)) > 128) << bit for bit in range(BITS))


def sound_only():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def sound_with_cover():
    """Return a song whose cover is stored as a video stream, as in the files of music players."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(sound_only())) as song, av.open(buffer, "w", format="mp4") as container:
        tune = container.add_stream_from_template(song.streams.audio[0])
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(cover.encode())
        for packet in song.demux(song.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = tune
                container.mux(packet)
    return buffer.getvalue()


def write_faststart(path):
    """Write a video with its index before the frames, so that it can be cut anywhere; return the path."""
    return make_video(to=str(path), options={"movflags": "faststart"})
