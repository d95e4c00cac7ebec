"""The memory of each GPU under a plan: whether it fits, and what remains.

All figures are computed from the model's shape and SGLang's rules; none was measured on a GPU. The published table of
KV tokens that the tests compare with is itself derived from SGLang's source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vlnb.catalog import kv_token_bytes
from vlnb.images import DELIMITER_TOKENS, MAX_PIXELS, tokens
from vlnb.launch.planning import AITER_FROM_CONTEXT, Plan, static_fraction
from vlnb.markup import BAD, Html, element

GIB = 2**30
# A typical request, the unit of the cache size: two 720p pictures, 128 tokens of text, an answer of 1,024 tokens.
REQUEST_TOKENS = 2 * (tokens(1280, 720) + DELIMITER_TOKENS) + 128 + 1024
_ROOMY_FRACTION = 0.9  # every size starts on one GPU of every kind with it, as a test checks
_FEATURE_CACHE_BYTES = 100 * 2**20  # SGLANG_VLM_CACHE_SIZE_MB


@dataclass(frozen=True)
class Part:
    """One part of a GPU's memory: its bytes, and the formula behind them."""

    name: str
    bytes: float
    formula: str


@dataclass(frozen=True)
class Memory:
    """The memory of one GPU under a plan. `parts` add up to the GPU, unless the weights do not fit.

    `kv_tokens` is the KV cache of one replica in tokens, 0 if the server does not start; `requests` is the number of
    typical requests (two 720p pictures, 3,548 tokens) that all replicas hold at once; `longest_context` is in tokens.
    """

    plan: Plan
    parts: tuple[Part, ...]
    static_fraction: float
    kv_tokens: int
    requests: int
    longest_context: int
    fits: bool

    @property
    def sentence(self) -> str:
        """Whether it fits, and for how many requests, in one or two sentences."""
        plan, model = self.plan, self.plan.model
        if not self.fits:
            return _shortage(plan, self.static_fraction) if not self.kv_tokens else _excess(self)
        each = f" in each of {plan.replicas} replicas" if plan.replicas > 1 else ""
        tight = ""
        if self.longest_context < plan.context_length:
            tight = f" The longest request is {self.longest_context:,} tokens, not {plan.context_length:,}."
        return (
            f"{model.size} fits: {_count(self.kv_tokens)} tokens of cache{each}, about {self.requests:,} requests of"
            f" two 720p pictures at once.{tight}"
        )

    def __str__(self) -> str:
        lines = [f"{part.name:24} {part.bytes / GIB:7.1f} GiB   {part.formula}" for part in self.parts]
        return "\n".join([self.sentence, *lines])

    def _repr_html_(self) -> str:
        return bar_html(self)


def memory(plan: Plan) -> Memory:
    """Return how a plan uses the memory of each GPU, with the formula of each part. Sizes are bytes.

    >>> from vlnb.launch import plan
    >>> memory(plan("MI300X", "7B")).sentence
    '7B fits: 2.08 M tokens of cache, about 587 requests of two 720p pictures at once.'
    """
    model, tp = plan.model, plan.tensor_parallel
    total = plan.gpu.memory_mib * 2**20
    fraction = static_fraction(plan.gpu, tp, mem_fraction=plan.mem_fraction, context_length=plan.context_length)
    weights = model.weight_bytes / tp
    cache = fraction * total - weights
    token_bytes = kv_token_bytes(model.kv_heads, model.layers, tp=tp)
    kv_tokens = int(max(0.0, cache) / token_bytes)
    workspace = _workspace(plan, kv_tokens)
    vision = MAX_PIXELS / 14**2 * (5 * 1280 + 2 * 3456) * 2
    parts = [
        Part("weights", weights, f"2 bytes x {model.parameters:,} parameters / {tp} GPU{'s' if tp > 1 else ''}"),
        Part("KV cache", max(0.0, cache), f"{kv_tokens:,} tokens x {token_bytes:,} bytes on each GPU"),
        Part("attention workspace", workspace, "AITER: requests x heads / GPUs x context / 256 x 520 bytes"),
        Part("vision activations", vision, "the largest picture: 65,536 patches x (5 x 1280 + 2 x 3456) x 2 bytes"),
        Part("picture features", _FEATURE_CACHE_BYTES, "SGLANG_VLM_CACHE_SIZE_MB = 100"),
    ]
    free = total - sum(part.bytes for part in parts)
    parts.append(Part("free", max(0.0, free), "for graphs, activations of the text model, and the rest"))
    return Memory(
        plan=plan,
        parts=tuple(parts),
        static_fraction=fraction,
        kv_tokens=kv_tokens,
        requests=plan.replicas * kv_tokens // REQUEST_TOKENS,
        longest_context=min(plan.context_length, kv_tokens),
        fits=cache > 0 and free >= 0,
    )


def _excess(memory: Memory) -> str:
    """Return by how much the parts exceed the GPU, although the weights fit, and what makes them smaller."""
    plan, needed = memory.plan, sum(part.bytes for part in memory.parts) / GIB
    return (
        f"The parts need {needed:.0f} GiB of the {plan.gpu.memory_mib / 1024:.0f} GiB of each {plan.gpu.name}: the"
        f" server would run out of memory. {plan.model.size} needs a smaller --mem-fraction-static, or more GPUs."
    )


def _shortage(plan: Plan, fraction: float) -> str:
    """Return why the weights do not fit, with the numbers, and each single change that makes them fit."""
    tp, model, total_gib = plan.tensor_parallel, plan.model, plan.gpu.memory_mib / 1024
    changes = {
        f"--mem-fraction-static {_ROOMY_FRACTION:g}": replace(plan, mem_fraction=_ROOMY_FRACTION),
        f"--context-length {AITER_FROM_CONTEXT}": replace(plan, context_length=AITER_FROM_CONTEXT),
    }
    changes |= {f"--tp {more} ({more} GPUs)": replace(plan, tensor_parallel=more) for more in model.tensor_parallel}
    caches = {change: memory(other).kv_tokens for change, other in changes.items()}
    remedies = [f"{change}: {_count(tokens)} tokens of cache" for change, tokens in caches.items() if tokens][:3]
    return (
        f"{model.weight_bytes / tp / 2**30:.1f} GiB of weights on each {plan.gpu.name},"
        f" {int(fraction * total_gib)} GiB allowed ({fraction:.2f} of {total_gib:.0f}): does"
        f" not start. {model.size} fits with {'; or with '.join(remedies)}."
    )


def _count(tokens: int) -> str:
    return f"{tokens / 1e6:.2f} M" if tokens >= 1e6 else f"{tokens / 1e3:.0f} k"


def _workspace(plan: Plan, kv_tokens: int) -> float:
    """Return the bytes of AITER's decode workspace, outside the static share.

    Source: `aiter_backend.py` of SGLang 0.5.6.
    """
    if plan.context_length <= AITER_FROM_CONTEXT:
        return 0.0
    requests = min(4096, max(2048, 512 * kv_tokens // plan.context_length))
    heads = plan.model.heads / plan.tensor_parallel
    return requests * heads * math.ceil(plan.context_length / 256) * 520


_OVERFLOW = "repeating-linear-gradient(45deg,#D55E00,#D55E00 6px,#a84a00 6px,#a84a00 12px)"
_COLOURS = {
    "weights": "#0072B2", "KV cache": "#009E73", "attention workspace": "#E69F00", "vision activations": "#CC79A7",
    "picture features": "#56B4E9", "free": "transparent",
}  # fmt: skip


def bar_html(memory: Memory) -> Html:
    """Return one GPU as a stacked bar with a legend; weights that do not fit are hatched in red."""
    gpu, used = memory.plan.gpu, memory.plan.tensor_parallel * memory.plan.replicas
    scale = 100 / max(gpu.memory_mib * 2**20, sum(part.bytes for part in memory.parts))
    cells, legend = [], []
    for part in memory.parts:
        over = part.name == "weights" and not memory.fits
        colour = _OVERFLOW if over else _COLOURS[part.name]
        title = f"{part.name}: {part.bytes / GIB:.1f} GiB = {part.formula}"
        cells.append(element("div", title=title, style=f"width:{part.bytes * scale:.2f}%;background:{colour}"))
        swatch = element("span", style=f"{_SWATCH};background:{colour}")
        text = f" {part.name} {part.bytes / GIB:.1f} GiB"
        legend.append(element("small", swatch, text, title=title, style="white-space:nowrap"))
    size = f"{gpu.memory_mib / 1024:.0f} GiB"
    label = f"Memory of each {gpu.name}, {size}. {memory.sentence}"
    return element(
        "div",
        element("div", memory.sentence, style="" if memory.fits else f"color:{BAD};font-weight:bold"),
        element("div", *cells, role="img", aria_label=label, style=_BAR),
        element("div", element("small", f"each of {used} {gpu.name} ({size}):"), *legend, style=_LEGEND),
        style="max-width:760px",
    )


_SWATCH = "display:inline-block;width:.8em;height:.8em;border:1px solid"
_BAR = "display:flex;height:28px;border:1px solid;margin:6px 0"
_LEGEND = "display:flex;flex-wrap:wrap;gap:4px 16px"
