"""Real answers of models: how many boxes our parser reads, beside `supervision` 0.31.

    make bench

`supervision` is not a dependency: without it (`pip install supervision==0.31.0`) its columns stay empty.
"""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path

from vlnb.errors import BadAnswer
from vlnb.regions import parse

ANSWERS = Path(__file__).parent.parent / "tests" / "data" / "answers.json"
TOLERANCE_PX = 0.5


def near(box: tuple[float, ...], truth: list[float]) -> bool:
    """Whether each side lies within half a pixel of the truth."""
    return all(abs(a - b) <= TOLERANCE_PX for a, b in zip(box, truth, strict=True))


def read(boxes: list[tuple[float, ...]], answer: dict) -> int:
    """Return how many of the answer's boxes are among `boxes`."""
    return sum(any(near(box, truth[:4]) for box in boxes) for truth in answer["boxes"])


def ours(answer: dict) -> tuple[int, int, int]:
    """Return the numbers of boxes read, of repairs and of reported losses."""
    try:
        found = parse(answer["text"], seen=tuple(answer["seen"]), original=tuple(answer["seen"]))
    except BadAnswer:
        return 0, 0, 0
    return read([box.corners for box in found.boxes], answer), len(found.repairs), len(found.dropped)


def theirs(answer: dict) -> tuple[int, str]:
    """Return how many boxes supervision reads, and the name of its error, if any."""
    import supervision as sv

    size = tuple(answer["seen"])
    try:
        found = sv.Detections.from_vlm(sv.VLM.QWEN_2_5_VL, answer["text"], input_wh=size, resolution_wh=size)
    except Exception as error:  # noqa: BLE001 - the error is the result
        return 0, type(error).__name__
    return read([tuple(map(float, row)) for row in found.xyxy], answer), ""


def main() -> None:
    """Print the table."""
    answers = json.loads(ANSWERS.read_text())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import supervision
    except ImportError:
        supervision = None
    total = sum(len(answer["boxes"]) for answer in answers)
    sums = [0, 0, 0, 0]
    print(f"{'form of the answer':58} boxes  ours  repaired  left out   supervision")
    for answer in answers:
        hits, repaired, lost = ours(answer)
        other, error = theirs(answer) if supervision else (0, "not installed")
        sums = [a + b for a, b in zip(sums, (hits, repaired, lost, other), strict=True)]
        print(f"{answer['form']:58} {len(answer['boxes']):5} {hits:5} {repaired:9} {lost:9}   {other:5} {error}")
    print(f"{'all':58} {total:5} {sums[0]:5} {sums[1]:9} {sums[2]:9}   {sums[3]:5}")

    row = '{"bbox_2d": [%d, %d, %d, %d], "label": "word", "text_content": "seventeen"}'
    page = "```json\n[" + ",\n".join(row % (i % 37, i // 37, i % 37 + 9, i // 37 + 7) for i in range(1000)) + "]\n```"
    start = time.perf_counter()
    count = len(parse(page, seen=(1288, 728), original=(1288, 728)))
    print(f"\n{count} boxes in {len(page):,} characters: {1000 * (time.perf_counter() - start):.0f} ms")


if __name__ == "__main__":
    main()
