"""Facts about GPUs and models, and the results published for them, each with its source.

The numbers are in `catalog.toml`; this module defines what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vlnb import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

EMBEDDED_MODEL = "vlnb-embedded-ocr"  # a name that cannot be mistaken for Qwen2.5-VL
COOKBOOK_URL = "https://docs.sglang.io/cookbook/autoregressive/Qwen/Qwen2.5-VL"


@dataclass(frozen=True)
class Gpu:
    """One AMD Instinct GPU.

    `memory_mib` is the size that AMD's tools show, `memory_tb_s` the peak bandwidth in TB/s; `image` is the container
    image with the SGLang that the cookbook verified.
    """

    name: str
    memory_mib: int
    memory_tb_s: float
    arch: str
    image: str
    source: str


@dataclass(frozen=True)
class Model:
    """One size of Qwen2.5-VL: the dimensions that determine its memory and its tensor parallelism.

    `tensor_parallel` lists the TP sizes that divide both the text heads and the 16 heads of the vision tower.
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
    """Return the bytes of KV cache per token on each of `tp` GPUs: keys and values of all layers, in BF16.

    KV heads are never split: with more GPUs than KV heads, each GPU keeps a copy of one.
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
    request_per_s: float
    input_token_per_s: float
    output_token_per_s: float
    mean_concurrency: float
    e2e_ms: Mapping[str, float]
    ttft_ms: Mapping[str, float]
    tpot_ms: Mapping[str, float]
    itl_ms: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class Answer:
    """An answer printed on the cookbook page: the prompt, the text, and the time in seconds."""

    prompt: str
    text: str
    seconds: float
    source: str


_FACTS = tables.read("catalog.toml")


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of facts with immutable lists and tables."""
    kinds: dict[type, Any] = {list: tuple, dict: MappingProxyType}
    return {key: kinds.get(type(value), lambda value: value)(value) for key, value in row.items()}


GPUS: Mapping[str, Gpu] = MappingProxyType({row["name"]: Gpu(**row) for row in _FACTS["gpu"]})
SIBLINGS: Mapping[str, str] = MappingProxyType(_FACTS["siblings"])
"""GPUs that the cookbook lacks, each with the one that has the same memory, architecture and image."""
MODELS: Mapping[str, Model] = MappingProxyType({row["size"]: Model(**_frozen(row)) for row in _FACTS["model"]})

OCR_EXAMPLE, COMPARE_EXAMPLE = Answer(**_FACTS["example"]["ocr"]), Answer(**_FACTS["example"]["compare"])
GROUNDING_SCORES: Mapping[str, Mapping[str, float]] = MappingProxyType(_frozen(_FACTS["grounding"]))
"""Published scores in percent by benchmark and model size."""
LATENCY_RUN = SpeedRun(**_frozen(_FACTS["speed"]["latency"]))
THROUGHPUT_RUN = SpeedRun(**_frozen(_FACTS["speed"]["throughput"]))

_DOMAINS = _FACTS["mmmu"]["domain"]
MMMU_DOMAINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {domain: tuple(row["subjects"]) for domain, row in _DOMAINS.items()}
)
"""MMMU's domains with their subjects."""
MMMU_EACH: int = _FACTS["mmmu"]["questions_per_subject"]
MMMU_SCORES: Mapping[str, float] = MappingProxyType(
    {name: accuracy for row in _DOMAINS.values() for name, accuracy in row["subjects"].items()}
)
"""The published accuracy (0 to 1) of the 72B by subject, over `MMMU_EACH` questions each, rounded by its harness."""
