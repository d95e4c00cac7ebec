"""Estimate the GPUs for a number of pictures a day: from arithmetic alone, and from the published run."""

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
    """Return what `pictures` a day need. `assumed` replaces values of `ASSUMED`, whose file names the sources.

    "GPUs at least" is arithmetic: 2 operations for each parameter and token at the full BF16 rate, which no server
    reaches. "GPUs by the published run" scales the tokens per second of 72B on eight MI300X (`catalog.THROUGHPUT_RUN`)
    by parameters and by memory bandwidth; nobody measured this scaling. Raises `BadInput` for unknown names and for
    negative numbers.

    >>> need = capacity(10e6, "7B", answer_tokens=50)
    >>> need["GPUs at least"], need["GPUs by the published run"]
    (3, 38)
    """
    if unknown := assumed.keys() - ASSUMED:
        raise BadInput(f"Unknown assumption: {', '.join(sorted(unknown))}. Choose {', '.join(ASSUMED)}.")
    if wrong := [name for name, value in {"pictures": pictures, **assumed}.items() if not 0 <= value < math.inf]:
        raise BadInput(f"{wrong[0]} must be zero or a positive number.")
    model, hardware, run = choose("model size", size, MODELS), choose("GPU", gpu, GPUS), THROUGHPUT_RUN
    values = ASSUMED | assumed
    per_s = pictures / 86_400 * values["peak"]
    picture = tokens(int(values["width_px"]), int(values["height_px"])) + DELIMITER_TOKENS
    into, out = per_s * (picture + values["prompt_tokens"]), per_s * values["answer_tokens"]
    faster = MODELS[run.model].parameters / model.parameters * hardware.memory_tb_s / GPUS[run.gpu].memory_tb_s
    gpus = math.ceil(max(into / run.input_token_per_s, out / run.output_token_per_s) * run.gpus / faster)
    return {
        "tokens in per s": round(into),
        "tokens out per s": round(out),
        "GPUs at least": math.ceil(2 * model.parameters * (into + out) / (_TFLOPS[hardware.name] * 1e12)),
        "GPUs by the published run": gpus,
        "dollars a day": round(gpus * 24 * values["gpu_hour"]),
        "Mbit/s to the servers": round(per_s * values["picture_bytes"] * 8 * 4 / 3 / 1e6),  # base64
        "TB of pictures a day": round(pictures * values["picture_bytes"] / 1e12, 2),
    }
