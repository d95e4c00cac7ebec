"""Our sizes and our pixels against the real Hugging Face processor, the one that an SGLang server runs."""

import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.embedded.test_locating import PAGES, page, sideways_photo
from tests.engine.conftest import ENGINE, PYTHON
from vlnb import BadInput, images
from vlnb.embedded.reader import Reader
from vlnb.regions import Box, match, to_original


def processor(*words, stdin_text=""):
    script = [PYTHON, Path(__file__).parent / "processor.py", ENGINE / "tiny", *words]
    completed = subprocess.run(script, input=stdin_text, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-2000:]
    return completed.stdout


def sizes(count=2_000):
    """Sizes that matter: usual ones, extreme ratios, tiny ones, and those half way between two multiples of 28."""
    chance = random.Random(28)
    usual = [(640, 480), (1280, 720), (1920, 1080), (4000, 3000), (8000, 6000), (200, 1), (1, 200), (300, 1), (20, 20)]
    halves = [(14 * a, 14 * b) for a in range(1, 24, 2) for b in range(1, 24, 3)]
    any_size = [
        (max(1, round(side * ratio)), max(1, round(side / ratio)))
        for side, ratio in ((2 ** chance.uniform(2, 13), 10 ** chance.uniform(-1.2, 1.2)) for _ in range(count))
    ]
    return [*usual, *halves, *any_size][:count]


def ours(width, height):
    try:
        return [*images.smart_resize(width, height), images.tokens(width, height)]
    except BadInput:
        return None


def test_two_thousand_sizes_match_those_of_the_processor():
    requested = sizes()
    theirs = json.loads(processor("sizes", stdin_text=json.dumps(requested)))
    wrong = [
        (size, ours(*size), answer) for size, answer in zip(requested, theirs, strict=True) if ours(*size) != answer
    ]
    assert len(requested) == 2_000
    assert None in theirs, "both sides refuse some sizes"
    assert wrong == []


@pytest.fixture(scope="module")
def processed(tmp_path_factory):
    """For each page: the picture, its true boxes, the file that we send, and the picture that the model gets of it."""
    folder, pages = tmp_path_factory.mktemp("seen"), {}
    for number, (name, size) in enumerate(PAGES.items()):
        image, truth = page(*size)
        picture = images.load(
            sideways_photo(image) if name == "turned by EXIF" else image, seen_pixels=images.MAX_PIXELS
        )
        path = folder / f"{number}"
        path.write_bytes(picture.seen().encoded[1])
        pages[name] = (picture, truth, path)
    processor("show", *(path for *_, path in pages.values()))
    return {name: (*rest, path, Image.open(f"{path}.seen.png").convert("RGB")) for name, (*rest, path) in pages.items()}


@pytest.mark.parametrize("name", PAGES)
def test_the_model_gets_exactly_the_pixels_that_we_send(processed, name):
    """The server's own resize does not change the size, nor any pixel by more than rounding."""
    _, _, path, seen = processed[name]
    sent = Image.open(path).convert("RGB")
    assert seen.size == sent.size
    assert np.abs(np.asarray(seen, int) - np.asarray(sent, int)).max() <= 1


@pytest.mark.parametrize("name", PAGES)
def test_boxes_on_the_input_of_the_model_map_back_to_the_text(processed, name):
    picture, truth, _, seen = processed[name]
    lines = [Box(*segment.box) for segment in Reader().read(seen).segments]
    boxes = [to_original(box, seen=seen.size, original=picture.original_size) for box in lines]
    result = match(boxes, truth)
    assert result.recall == 1
    assert result.mean_iou >= 0.85
