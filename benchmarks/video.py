"""Video: 64 frames of half an hour with vlnb, OpenCV and decord, each in its own process; and 768 frames of an hour.

Prints the seconds, the memory beyond the imports, and how many frames are more than half a frame away from the
requested time. Every frame shows its number in its pixels. decord needs `pip install decord2`.
"""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

FPS, GOP, PART_S, BITS = 30, 250, 50, 12
COUNT, BUDGET = 64, 230_000  # the budget leaves 768 frames their usual size
QUALITY = 85  # as vlnb keeps frames


def main():
    """Make the clips, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        half, hour = Path(folder, "half.mp4"), Path(folder, "hour.mp4")
        part = segment()
        repeat(part, half, 1800 // PART_S)
        repeat(part, hour, 3600 // PART_S)
        print(f"64 frames of 30 minutes (640 x 360, {FPS} frames a second, a key frame every {GOP}):")
        for way in ("vlnb", "opencv", "decord"):
            if way == "decord" and not importlib.util.find_spec("decord"):
                print("  decord   not installed (pip install decord2)")
                continue
            row = measure_in_process(way, half, COUNT)
            print(f"  {way:7}  {row['seconds']:5.1f} s  +{row['mb']:4.0f} MB  {row['wrong']} of {COUNT} wrong")
        row = measure_in_process("vlnb", hour, 768)
        print(f"768 frames of an hour, by vlnb: {row['seconds']:.1f} s, +{row['mb']:.0f} MB, {row['wrong']} wrong")


def segment():
    """Return the bytes of `PART_S` seconds, whose frames are numbered in their pixels."""
    buffer, rng = io.BytesIO(), np.random.default_rng(0)
    noise = rng.integers(0, 256, (45, 80, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "g": str(GOP), "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(PART_S * FPS):
            pixels = np.roll(noise, 2 * number, 1)
            for bit in range(BITS):
                pixels[40:140, 20 + 50 * bit : 60 + 50 * bit] = 255 * (number >> bit & 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def repeat(part, path, times):
    """Write `part` several times, one after the other, without encoding it again."""
    with av.open(str(path), "w") as written:
        target = None
        for turn in range(times):
            with av.open(io.BytesIO(part)) as read:
                source = read.streams.video[0]
                target = target or written.add_stream_from_template(source)
                shift = int(Fraction(turn * PART_S) / source.time_base)
                for packet in read.demux(source):
                    if packet.dts is not None:
                        packet.dts, packet.pts, packet.stream = packet.dts + shift, packet.pts + shift, target
                        written.mux(packet)


def measure_in_process(way, path, count):
    """Measure in a new process."""
    completed = subprocess.run(
        [sys.executable, __file__, way, path, str(count)], capture_output=True, text=True, check=True
    )
    return json.loads(completed.stdout)


def measure_here(way, path, count):
    """Take `count` frames, and print the seconds, the memory and how many show the wrong number."""
    import psutil

    seconds = av.open(path).duration / 1e6
    places = [at * seconds / count * FPS for at in range(count)]
    take = {"vlnb": by_vlnb, "opencv": by_opencv, "decord": by_decord}[way](path, [round(place) for place in places])
    base, began = psutil.Process().memory_info().rss, time.perf_counter()
    pictures = take()  # as JPEG
    taken_s, grown = time.perf_counter() - began, psutil.Process().memory_info().rss - base
    distances = [abs(number(data) - place % (PART_S * FPS)) for data, place in zip(pictures, places, strict=True)]
    print(json.dumps({"seconds": taken_s, "mb": grown / 1e6, "wrong": sum(distance > 0.5 for distance in distances)}))


def number(data):
    """Return the number that a frame shows."""
    grey = np.asarray(Image.open(io.BytesIO(data)).convert("L").resize((640, 360)))
    return sum(int(grey[90, 40 + 50 * bit] > 128) << bit for bit in range(BITS))


def size(count):
    """Return the size at which vlnb sends this many frames."""
    from vlnb.images import smart_resize

    return smart_resize(640, 360, max_pixels=min(768, BUDGET // count - 2) * 784)


def by_vlnb(path, indices):
    """Return a function that takes the frames with vlnb."""
    import tqdm.auto  # noqa: F401

    from vlnb import video

    def take():
        clip = video.frames(path, fps=FPS, max_frames=len(indices), budget_tokens=BUDGET)
        return [frame.picture.encoded[1] for frame in clip.frames]

    return take


def by_opencv(path, indices):
    """Return a function that takes the frames with OpenCV, at the same size and quality."""
    import cv2

    def take():
        video, taken = cv2.VideoCapture(path), []
        for index in indices:
            video.set(cv2.CAP_PROP_POS_FRAMES, index)
            _, pixels = video.read()
            data = cv2.imencode(".jpg", cv2.resize(pixels, size(len(indices))), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            taken.append(data.tobytes())
        return taken

    return take


def by_decord(path, indices):
    """Return a function that takes the frames with decord, as SGLang does."""
    import decord

    def take():
        video, taken = decord.VideoReader(path), []
        for index in indices:
            buffer = io.BytesIO()
            Image.fromarray(video[index].asnumpy()).resize(size(len(indices))).save(buffer, "JPEG", quality=QUALITY)
            taken.append(buffer.getvalue())
        return taken

    return take


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_here(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main()
