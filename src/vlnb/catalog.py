"""The facts: GPUs, models, and the results published for them, each with its source.

Nothing here is computed; a test checks the numbers against each other (parts that add up, ratios that agree).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EMBEDDED_MODEL = "vlnb-embedded-ocr"  # the embedded engine's name: nobody takes it for Qwen2.5-VL
COOKBOOK = "SGLang cookbook, Qwen2.5-VL"
COOKBOOK_URL = "https://docs.sglang.io/cookbook/autoregressive/Qwen/Qwen2.5-VL"
_CARDS = "Qwen2.5-VL model cards and arXiv 2502.13923"


@dataclass(frozen=True)
class Gpu:
    """One AMD Instinct GPU. `memory_mib` is what the tools show; bandwidth and BF16 rate are peak, dense."""

    name: str
    memory_mib: int
    memory_tb_s: float
    bf16_tflops: float
    arch: str
    image_tag: str
    source: str


@dataclass(frozen=True)
class Model:
    """One size of Qwen2.5-VL: the shape that decides memory and how it may be split.

    `tensor_parallel` lists the sizes that divide both the text heads and the 16 heads of the vision tower.
    `scores` are published benchmark results, in percent (OCRBench: points of 1000).
    """

    size: str
    layers: int
    heads: int
    kv_heads: int
    parameters: int
    tensor_parallel: tuple[int, ...]
    licence: str
    scores: Mapping[str, float]
    source: str

    @property
    def repo(self) -> str:
        """Name on the Hugging Face hub."""
        return f"Qwen/Qwen2.5-VL-{self.size}-Instruct"

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in BF16."""
        return 2 * self.parameters


def kv_token_bytes(kv_heads: int, layers: int, *, head_dim: int = 128, tp: int = 1) -> int:
    """Return the bytes of KV cache for a token on each of `tp` GPUs: keys and values of every layer, in BF16.

    A head is never split: with more GPUs than KV heads, each GPU keeps a copy of one.
    """
    return 2 * 2 * head_dim * max(1, kv_heads // tp) * layers


@dataclass(frozen=True)
class SpeedRun:
    """One published run of `sglang.bench_serving`; times in milliseconds, rates in tokens (or requests) a second."""

    name: str
    gpu: str
    gpus: int
    model: str
    sglang: str
    prompts: int
    concurrency: int
    duration_s: float
    input_text_tokens: int
    input_vision_tokens: int
    output_tokens: int
    output_tokens_retokenized: int
    request_per_s: float
    input_token_per_s: float
    output_token_per_s: float
    peak_output_token_per_s: float
    mean_concurrency: float
    e2e_ms: Mapping[str, float]
    ttft_ms: Mapping[str, float]
    tpot_ms: Mapping[str, float]
    itl_ms: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class Score:
    """Accuracy (0 to 1) over `questions` questions."""

    accuracy: float
    questions: int


@dataclass(frozen=True)
class Answer:
    """An answer printed on the cookbook page: the prompt, the text and how long it took, in seconds."""

    prompt: str
    text: str
    seconds: float
    source: str


@dataclass(frozen=True)
class AccuracyRun:
    """The published MMMU run: by subject, by domain and overall, as its harness rounded them."""

    model: str
    seconds: float
    subjects: Mapping[str, Score]
    domains: Mapping[str, Score]
    overall: Score
    source: str


_AMD = "AMD data sheets; memory as shown by the tools"
GPUS: Mapping[str, Gpu] = MappingProxyType(
    {
        gpu.name: gpu
        for gpu in (
            Gpu("MI300X", 196_592, 5.3, 1307, "gfx942", "mi30x", _AMD),
            Gpu("MI325X", 262_124, 6.0, 1307, "gfx942", "mi30x", _AMD),
            Gpu("MI355X", 294_896, 8.0, 2500, "gfx950", "mi35x", _AMD + "; BF16 rate rounded"),
        )
    }
)
SIBLINGS: Mapping[str, str] = MappingProxyType({"MI350X": "MI355X"})
"""GPUs that the cookbook lacks, and the one with the same memory, architecture and image. Source: AMD data sheets."""


def _scores(**scores: float) -> Mapping[str, float]:
    return MappingProxyType(scores)


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.size: model
        for model in (
            Model("3B", 36, 16, 2, 3_754_622_976, (1, 2, 4, 8), "Qwen Research",
                  _scores(MMMU=53.1, DocVQA=93.9, ChartQA=84.0, OCRBench=797, ScreenSpot=55.5), _CARDS),
            Model("7B", 28, 28, 4, 8_292_166_656, (1, 2, 4), "Apache-2.0",
                  _scores(MMMU=58.6, DocVQA=95.7, ChartQA=87.3, OCRBench=864, ScreenSpot=84.7), _CARDS),
            Model("32B", 64, 40, 8, 33_452_718_336, (1, 2, 4, 8), "Apache-2.0",
                  _scores(DocVQA=94.8), _CARDS),
            Model("72B", 80, 64, 8, 73_410_777_344, (1, 2, 4, 8), "Qwen",
                  _scores(MMMU=70.2, DocVQA=96.4, ChartQA=89.5, OCRBench=885, ScreenSpot=87.1), _CARDS),
        )
    }
)  # fmt: skip

OCR_EXAMPLE = Answer(
    prompt="Read all the text in the image.",
    text=(
        "Auntie Anne's\n\nCINNAMON SUGAR\n1 x 17,000\nSUB TOTAL\n17,000\n\nGRAND TOTAL\n17,000\n\n"
        "CASH IDR\n20,000\n\nCHANGE DUE\n3,000"
    ),
    seconds=2.31,
    source=COOKBOOK + ", 4.2.1, Qwen2.5-VL-7B-Instruct",
)
COMPARE_EXAMPLE = Answer(
    prompt="Compare these two images and describe the differences in 100 words or less.",
    text=(
        "The first image shows a single red taxi driving on a street with a few other taxis in the background. "
        "The second image shows a large number of taxis parked in a lot, with some appearing to be in various states "
        "of repair. The first image has a single taxi with a visible license plate, while the second image has "
        "multiple taxis with different license plates. The first image has a clear view of the street and surrounding "
        "area, while the second image is taken from an elevated perspective, showing a wider view of the parking lot "
        "and the surrounding area."
    ),
    seconds=13.79,
    source=COOKBOOK + ", 4.2.1, Qwen2.5-VL-7B-Instruct",
)

GROUNDING_SCORES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "RefCOCO val": {"3B": 89.1, "7B": 90.0, "72B": 92.7},
        "RefCOCO testB": {"3B": 84.0, "7B": 85.4, "72B": 89.7},
        "RefCOCOg test": {"3B": 85.7, "7B": 87.2, "72B": 90.3},
        "ODinW": {"3B": 37.5, "7B": 37.3, "72B": 43.1},
        "CountBench": {"72B": 93.6},
        "ScreenSpot": {"3B": 55.5, "7B": 84.7, "72B": 87.1},
        "ScreenSpot Pro": {"3B": 23.9, "7B": 29.0, "72B": 43.6},
    }
)
"""Published scores in percent by benchmark and model size. Source: arXiv 2502.13923; reportedly hard to reproduce."""

LATENCY_RUN = SpeedRun(
    name="latency", gpu="MI300X", gpus=8, model="72B", sglang="0.5.6", prompts=10, concurrency=1,
    duration_s=37.99, input_text_tokens=821, input_vision_tokens=23_960,
    output_tokens=4_220, output_tokens_retokenized=2_365,
    request_per_s=0.26, input_token_per_s=652.26, output_token_per_s=111.07, peak_output_token_per_s=128.0,
    mean_concurrency=1.00,
    e2e_ms=_scores(mean=3797.61, median=3140.90, p90=6545.54, p99=7939.56),
    ttft_ms=_scores(mean=504.45, median=510.93, p99=521.78),
    tpot_ms=_scores(mean=7.82, median=7.82, p99=7.84),
    itl_ms=_scores(mean=10.07, median=7.90, p95=15.79, p99=15.93, max=23.60),
    source=COOKBOOK + ", 5.1 (the page prints this block under the throughput heading)",
)  # fmt: skip
THROUGHPUT_RUN = SpeedRun(
    name="throughput", gpu="MI300X", gpus=8, model="72B", sglang="0.5.6", prompts=1000, concurrency=100,
    duration_s=454.68, input_text_tokens=85_865, input_vision_tokens=2_396_000,
    output_tokens=510_855, output_tokens_retokenized=296_466,
    request_per_s=2.20, input_token_per_s=5458.50, output_token_per_s=1123.55, peak_output_token_per_s=5004.0,
    mean_concurrency=98.63,
    e2e_ms=_scores(mean=44844.92, median=42866.15, p90=82798.20, p99=106306.30),
    ttft_ms=_scores(mean=4507.79, median=1180.83, p99=39975.22),
    tpot_ms=_scores(mean=80.26, median=82.38, p99=152.89),
    itl_ms=_scores(mean=100.66, median=13.26, p95=428.45, p99=1393.35, max=31943.26),
    source=COOKBOOK + ", 5.1.2",
)  # fmt: skip

# MMMU's six domains with their subjects, and the accuracy that the page prints for each (30 questions a subject).
_MMMU_TEXT = """
Art and Design: 0.717; Art 0.767, Art_Theory 0.9, Design 0.833, Music 0.367
Business: 0.66; Accounting 0.633, Economics 0.767, Finance 0.533, Manage 0.633, Marketing 0.733
Science: 0.553; Biology 0.467, Chemistry 0.433, Geography 0.633, Math 0.533, Physics 0.7
Health and Medicine: 0.693; Basic_Medical_Science 0.7, Clinical_Medicine 0.733,\
 Diagnostics_and_Laboratory_Medicine 0.467, Pharmacy 0.833, Public_Health 0.733
Humanities and Social Science: 0.775; History 0.7, Literature 0.867, Psychology 0.767, Sociology 0.767
Tech and Engineering: 0.443; Agriculture 0.5, Architecture_and_Engineering 0.367, Computer_Science 0.567,\
 Electronics 0.433, Energy_and_Power 0.467, Materials 0.333, Mechanical_Engineering 0.433
"""
_MMMU = {
    domain: (float(mean), {name: float(score) for name, score in map(str.split, subjects.split(","))})
    for domain, mean, subjects in (re.split("[:;]", line) for line in _MMMU_TEXT.strip().splitlines())
}
MMMU_DOMAINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {domain: tuple(subjects) for domain, (_, subjects) in _MMMU.items()}
)
"""MMMU's domains, and the subjects of each; every subject has 30 questions in the validation split."""
MMMU_RUN = AccuracyRun(
    model="72B",
    seconds=97.75084622902796,
    subjects=MappingProxyType(
        {name: Score(accuracy, 30) for _, subjects in _MMMU.values() for name, accuracy in subjects.items()}
    ),
    domains=MappingProxyType(
        {name: Score(accuracy, 30 * len(subjects)) for name, (accuracy, subjects) in _MMMU.items()}
    ),
    overall=Score(0.62, 900),
    source=COOKBOOK + ", 5.2.1",
)
