"""What a number of pictures a day asks for, on paper: by arithmetic alone, and by the published run."""

from __future__ import annotations

import math

from vlnb import tables
from vlnb.catalog import GPUS, MODELS, THROUGHPUT_RUN
from vlnb.errors import BadInput
from vlnb.images import DELIMITER_TOKENS, tokens
from vlnb.launch.planning import choose

ASSUMED = tables.read("launch/capacity.toml")
_TFLOPS = ASSUMED.pop("tflops")


def capacity(pictures: float, size: str = "72B", gpu: str = "MI300X", **assumed: float) -> dict[str, float]:
    """Return what `pictures` a day need, from assumptions that you may replace: `ASSUMED` has them, with their sources.

    "GPUs at least" is arithmetic: 2 operations for each parameter and token at the full BF16 rate, which no server
    reaches. "GPUs by the published run" has the tokens per second of 72B on eight MI300X (`catalog.THROUGHPUT_RUN`),
    scaled by parameters and by memory bandwidth, which nobody measured. Raises `BadInput` for what is not known.

    >>> need = capacity(10e6, "7B", answer_tokens=50)
    >>> need["GPUs at least"], need["GPUs by the published run"]
    (3, 38)
    """
    if unknown := assumed.keys() - ASSUMED:
        raise BadInput(f"Not assumed here: {', '.join(sorted(unknown))}. Assumed are {', '.join(ASSUMED)}.")
    model, hardware, run = choose("model size", size, MODELS), choose("GPU", gpu, GPUS), THROUGHPUT_RUN
    know = ASSUMED | assumed
    second = pictures / 86_400 * know["peak"]
    picture = tokens(int(know["width_px"]), int(know["height_px"])) + DELIMITER_TOKENS
    into, out = second * (picture + know["prompt_tokens"]), second * know["answer_tokens"]
    faster = MODELS[run.model].parameters / model.parameters * hardware.memory_tb_s / GPUS[run.gpu].memory_tb_s
    gpus = math.ceil(max(into / run.input_token_per_s, out / run.output_token_per_s) * run.gpus / faster)
    return {
        "tokens in per s": round(into),
        "tokens out per s": round(out),
        "GPUs at least": math.ceil(2 * model.parameters * (into + out) / (_TFLOPS[hardware.name] * 1e12)),
        "GPUs by the published run": gpus,
        "dollars a day": round(gpus * 24 * know["gpu_hour"]),
        "Mbit/s to the servers": round(second * know["picture_bytes"] * 8 * 4 / 3 / 1e6),  # base64
        "TB of pictures a day": round(pictures * know["picture_bytes"] / 1e12, 2),
    }
