"""What a number of pictures a day asks for, on paper: between what the hardware forbids and what was published."""

from __future__ import annotations

import math

from vlnb.catalog import GPUS, MODELS, THROUGHPUT_RUN
from vlnb.images import DELIMITER_TOKENS, tokens
from vlnb.launch.planning import choose

# Dense BF16, in TFLOPS. Sources: AMD's data sheets; for MI355X, the rounded figure of its brief.
TFLOPS = {"MI300X": 1307, "MI325X": 1307, "MI355X": 2500}


def capacity(
    pictures: float,
    size: str = "72B",
    gpu: str = "MI300X",
    *,
    pixels: tuple[int, int] = (1280, 720),
    prompt_tokens: int = 100,
    answer_tokens: int = 100,
    picture_bytes: float = 300e3,
    peak: float = 1.5,
    gpu_hour: float = 2.59,
) -> dict[str, float]:
    """Return what `pictures` a day need. Every argument is an assumption; replace them by what you measured.

    `pixels` is the size of a picture, `peak` the busiest hour over the mean, `gpu_hour` dollars for one GPU (2.59: list
    price of an MI300X at DigitalOcean, October 2026). "GPUs at least" is arithmetic: 2 operations for each parameter
    and token at the full BF16 rate, which no server reaches. "GPUs by the published run" has the tokens per second of
    72B on eight MI300X (`catalog.THROUGHPUT_RUN`), scaled by parameters and by memory bandwidth, which nobody measured.
    Raises `BadInput` for an unknown size or GPU.

    >>> need = capacity(10e6, "7B")
    >>> need["GPUs at least"], need["GPUs by the published run"]
    (4, 38)
    """
    model, hardware, run = choose("model size", size, MODELS), choose("GPU", gpu, GPUS), THROUGHPUT_RUN
    second = pictures / 86_400 * peak
    into, out = second * (tokens(*pixels) + DELIMITER_TOKENS + prompt_tokens), second * answer_tokens
    faster = MODELS[run.model].parameters / model.parameters * hardware.memory_tb_s / GPUS[run.gpu].memory_tb_s
    gpus = math.ceil(max(into / run.input_token_per_s, out / run.output_token_per_s) * run.gpus / faster)
    return {
        "tokens in per s": round(into),
        "tokens out per s": round(out),
        "GPUs at least": math.ceil(2 * model.parameters * (into + out) / (TFLOPS[hardware.name] * 1e12)),
        "GPUs by the published run": gpus,
        "dollars a day": round(gpus * 24 * gpu_hour),
        "Mbit/s to the servers": round(second * picture_bytes * 8 * 4 / 3 / 1e6),  # base64
        "TB of pictures a day": round(pictures * picture_bytes / 1e12, 2),
    }
