"""The Hugging Face processor that the server uses, as a command: run it with the engine's Python.

`processor.py MODEL sizes` reads [[width, height], …] and writes [[seen width, seen height, tokens], …] or null where
the processor refuses. `processor.py MODEL show FILE …` writes FILE.seen.png beside each picture: what the model gets,
converted back from patches to pixels.
"""

import json
import sys

import numpy as np
from PIL import Image
from transformers import AutoImageProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

SMALL = 60_000  # pixels: smaller pictures are really processed; for larger ones only the size is computed
LIMITS = {"min_pixels": 3136, "max_pixels": 12_845_056}


def seen(processor, width, height):
    try:
        high, wide = smart_resize(height, width, factor=28, **LIMITS)
    except ValueError:
        return None
    if width * height > SMALL:
        return [wide, high, processor.get_number_of_image_patches(height, width, {}) // 4]
    grid = processor(images=[Image.new("RGB", (width, height))], return_tensors="np")["image_grid_thw"][0]
    assert (int(grid[2]) * 14, int(grid[1]) * 14) == (wide, high)
    return [int(grid[2]) * 14, int(grid[1]) * 14, int(np.prod(grid)) // 4]


def show(processor, path):
    """Undo the processor's cutting into patches of 14 px, in groups of 2 x 2, each twice for the time."""
    processed = processor(images=[Image.open(path).convert("RGB")], return_tensors="np")
    _, down, across = (int(n) for n in processed["image_grid_thw"][0])
    patches = np.asarray(processed["pixel_values"]).reshape(down // 2, across // 2, 2, 2, 3, 2, 14, 14)
    pixels = patches[:, :, :, :, :, 0].transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, down * 14, across * 14)
    mean, deviation = (np.array(n)[:, None, None] for n in (processor.image_mean, processor.image_std))
    bright = np.clip(np.rint((pixels * deviation + mean) * 255), 0, 255).astype(np.uint8)
    Image.fromarray(bright.transpose(1, 2, 0)).save(f"{path}.seen.png")


if __name__ == "__main__":
    model, task, *files = sys.argv[1:]
    loaded = AutoImageProcessor.from_pretrained(model)
    if task == "sizes":
        json.dump([seen(loaded, *size) for size in json.load(sys.stdin)], sys.stdout)
    for file in files:
        show(loaded, file)
