"""Our sizes and our pixels against the real Hugging Face processor, the one that an SGLang server runs."""

import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.embedded.test_locating import PAGES, page, turned
from tests.engine.conftest import ENGINE, PYTHON
from vlnb import BadInput, images
from vlnb.embedded.reader import Reader
from vlnb.regions import Box, match, to_original


def processor(*words, given=""):
    script = [PYTHON, Path(__file__).parent / "processor.py", ENGINE / "tiny", *words]
    done = subprocess.run(script, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


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


def test_two_thousand_sizes_are_the_processors_own():
    asked = sizes()
    theirs = json.loads(processor("sizes", given=json.dumps(asked)))
    wrong = [(size, ours(*size), answer) for size, answer in zip(asked, theirs, strict=True) if ours(*size) != answer]
    assert len(asked) == 2_000
    assert None in theirs, "some are refused, by both"
    assert wrong == []


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """For each page: the picture, its truth, what we send, and what the processor gives the model of that."""
    folder, found = tmp_path_factory.mktemp("seen"), {}
    for number, (name, size) in enumerate(PAGES.items()):
        image, truth = page(*size)
        picture = images.load(turned(image) if name == "turned by EXIF" else image, seen_pixels=images.MAX_PIXELS)
        path = folder / f"{number}"
        path.write_bytes(picture.seen().encoded[1])
        found[name] = (picture, truth, path)
    processor("show", *(path for *_, path in found.values()))
    return {name: (*rest, path, Image.open(f"{path}.seen.png")) for name, (*rest, path) in found.items()}


@pytest.mark.parametrize("name", PAGES)
def test_the_model_is_given_the_very_pixels_that_we_send(shown, name):
    """The server's own resize changes nothing: not the size, and not one pixel by more than rounding."""
    _, _, path, seen = shown[name]
    sent = Image.open(path).convert("RGB")
    assert seen.size == sent.size
    assert np.abs(np.asarray(seen, int) - np.asarray(sent, int)).max() <= 1


@pytest.mark.parametrize("name", PAGES)
def test_boxes_found_in_what_the_model_is_given_land_on_the_text(shown, name):
    picture, truth, _, seen = shown[name]
    lines = [Box(*segment.box) for segment in Reader().read(seen).segments]
    found = [to_original(box, seen=seen.size, original=picture.original_size) for box in lines]
    result = match(found, truth)
    assert result.recall == 1
    assert result.mean_iou >= 0.85
