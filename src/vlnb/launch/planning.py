"""Plan a server for hardware and a model size: how the model is split over GPUs, and each flag with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

from vlnb.catalog import GPUS, MODELS, SIBLINGS, Gpu, Model
from vlnb.errors import BadInput

T = TypeVar("T")
Goal = Literal["latency", "throughput"]

HOST, PORT = "127.0.0.1", 30000  # SGLang's own defaults
AITER_FROM_CONTEXT = 8_192
_VISION_HEADS = 16
NODE_GPUS = 8
MODEL_CONTEXT = 128_000  # max_position_embeddings of every size
# The cookbook's generator: GPUs by size, the same on MI300X, MI325X and MI355X.
_VERIFIED_TP = {"3B": 1, "7B": 1, "32B": 2, "72B": 8}
_VERIFIED_CONTEXT = {"72B": 128_000}


@dataclass(frozen=True)
class Flag:
    """One argument of the server, and the reason for it."""

    name: str
    value: str
    reason: str

    @property
    def words(self) -> tuple[str, str]:
        """The flag as two words of a command."""
        return self.name, self.value


@dataclass(frozen=True)
class Plan:
    """How one size of Qwen2.5-VL runs on `gpus` GPUs of one kind.

    `tensor_parallel` GPUs hold one replica together; `replicas` replicas share the requests. `context_length` is in
    tokens. `mem_fraction` is the value of --mem-fraction-static, None for SGLang's own choice. `verified` means that
    the command equals the cookbook's, word for word; `differs` lists the differences; `warnings` are sentences.
    """

    gpu: Gpu
    model: Model
    gpus: int
    tensor_parallel: int
    replicas: int
    context_length: int
    mem_fraction: float | None
    flags: tuple[Flag, ...]
    verified: bool
    differs: tuple[str, ...]
    warnings: tuple[str, ...]

    def argv(
        self, *, python: str = "python", host: str = HOST, port: int = PORT, model_path: str | None = None
    ) -> list[str]:
        """Return the words of the server's command. All forms show this list, and a start runs it.

        `host` and `port` are omitted if they are SGLang's defaults. `model_path` replaces the name on the hub.
        """
        words = [python, "-m", "sglang.launch_server", "--model", model_path or self.model.repo]
        words += [word for flag in self.flags for word in flag.words]
        return words if (host, port) == (HOST, PORT) else [*words, "--host", host, "--port", str(port)]

    def over(self, nodes: int) -> Plan:
        """Return the plan of one model over `nodes` such nodes. Raises `BadInput` if its heads do not divide."""
        tp, heads = self.gpus * nodes, self.model.heads
        if heads % tp or _VISION_HEADS % tp:
            raise BadInput(
                f"{nodes} nodes cannot hold one {self.model.size}: {tp} GPUs do not divide its heads. Run copies."
            )
        flags = _flags(self.model, tp, 1, self.context_length, self.mem_fraction)
        flags = (*flags, Flag("--nnodes", str(nodes), f"the model is spread over {nodes} nodes"))
        of_one = _differences(self.flags, self.model)
        kept = [difference for difference in self.differs if difference not in of_one]  # such as another GPU
        return replace(
            self, tensor_parallel=tp, replicas=1, flags=flags, verified=False,
            differs=(*kept, *_differences(flags, self.model)),
            warnings=_warnings(self.gpu, self.model, tp, tp, self.mem_fraction),
        )  # fmt: skip

    @property
    def mark(self) -> str:
        """Whether the cookbook verified this plan, and if not, how it differs."""
        return "verified by the cookbook" if self.verified else "ours, not verified: " + "; ".join(self.differs)


def plan(
    gpu: str,
    size: str,
    *,
    gpus: int | None = None,
    tp: int | None = None,
    context_length: int | None = None,
    mem_fraction: float | None = None,
    goal: Goal = "latency",
) -> Plan:
    """Return the plan for a model size on a kind of GPU; by default exactly the cookbook's.

    `gpus` is the number of GPUs (1 to 8), `tp` sets the tensor parallel size, `mem_fraction` is passed as
    --mem-fraction-static. With several GPUs, goal "latency" makes one replica as wide as possible, "throughput" as many
    replicas as fit. A GPU that the cookbook lacks gets the plan of its sibling in `catalog.SIBLINGS`.
    Raises `BadInput`, with the numbers, for a plan that cannot work.

    >>> " ".join(plan("MI300X", "72B").argv()[3:])
    '--model Qwen/Qwen2.5-VL-72B-Instruct --tp 8 --context-length 128000'
    """
    sibling = SIBLINGS.get(str(gpu).strip().upper())
    hardware, model = choose("GPU", sibling or gpu, GPUS), choose("model size", size, MODELS)
    _check(gpus, context_length, mem_fraction, goal)
    if tp is not None:
        _check_tp(model, tp)
    if gpus is None:
        gpus = tp or _VERIFIED_TP[model.size]
    if tp is None:
        tp = _split(hardware, model, gpus, goal, mem_fraction, context_length)
    elif tp > gpus:
        raise BadInput(f"Tensor parallel size {tp} needs {tp} GPUs, and the plan has {gpus}.")
    replicas = gpus // tp
    context = context_length or MODEL_CONTEXT
    flags = _flags(model, tp, replicas, context_length, mem_fraction)
    differs = _differences(flags, model)
    if sibling:
        differs = (f"{gpu.strip().upper()} is planned as {sibling}, which has the same memory and image", *differs)
    return Plan(
        hardware, model, gpus, tp, replicas, context, mem_fraction, flags,
        verified=not differs,
        differs=differs,
        warnings=_warnings(hardware, model, gpus, tp, mem_fraction),
    )  # fmt: skip


def choose(kind: str, name: str, choices: Mapping[str, T]) -> T:
    """Look up a name in upper case. Raises `BadInput` with the valid names."""
    found = choices.get(str(name).strip().upper())
    if found is None:
        raise BadInput(f"Unknown {kind} {name!r}. Choose {', '.join(choices)}.")
    return found


def _check(gpus: int | None, context_length: int | None, mem_fraction: float | None, goal: str) -> None:
    if gpus is not None and not 1 <= gpus <= NODE_GPUS:
        raise BadInput(f"{gpus} GPUs: a node has 1 to {NODE_GPUS}. For more, run several nodes behind a router.")
    if context_length is not None and not 1 <= context_length <= MODEL_CONTEXT:
        raise BadInput(f"A context of {context_length:,} tokens: Qwen2.5-VL takes 1 to {MODEL_CONTEXT:,}.")
    if mem_fraction is not None and not 0 < mem_fraction < 1:
        raise BadInput(
            f"A memory fraction of {mem_fraction:g}: it is a share of the GPU, between 0 and 1, such as 0.85."
        )
    if goal not in get_args(Goal):
        raise BadInput(f"Unknown goal {goal!r}. Choose {', '.join(get_args(Goal))}.")


def _check_tp(model: Model, tp: int) -> None:
    if tp > NODE_GPUS:
        raise BadInput(
            f"Tensor parallel size {tp}: a node has at most {NODE_GPUS} GPUs. For more, plan one node, and choose the"
            " form nodes or leaderworkerset, which spreads the model over several."
        )
    if tp not in model.tensor_parallel:
        works = ", ".join(map(str, model.tensor_parallel))
        raise BadInput(
            f"{model.size} cannot be split over {tp} GPUs: its {model.heads} text heads and {_VISION_HEADS} vision"
            f" heads must both be divisible by the tensor parallel size. It works with {works}."
        )


def _split(
    gpu: Gpu, model: Model, gpus: int, goal: Goal, mem_fraction: float | None, context_length: int | None
) -> int:
    """Return the tensor parallel size: the largest that holds the weights, or for throughput the smallest with room.

    Sizes that leave no GPU idle are preferred.
    """
    context, need = context_length or MODEL_CONTEXT, 1.25 if goal == "throughput" else 1.0

    def has_room(tp: int) -> bool:
        share = static_fraction(gpu, tp, mem_fraction=mem_fraction, context_length=context)
        return share * gpu.memory_mib * 2**20 * tp > need * model.weight_bytes

    works = [tp for tp in model.tensor_parallel if tp <= gpus]
    holds = list(filter(has_room, works))
    even = [tp for tp in holds if gpus % tp == 0] or holds or works[-1:]
    return even[0] if goal == "throughput" else even[-1]


def _flags(
    model: Model, tp: int, replicas: int, context_length: int | None, mem_fraction: float | None
) -> tuple[Flag, ...]:
    flags = []
    if tp > 1:
        flags.append(Flag("--tp", str(tp), f"{tp} GPUs hold one copy of the model together and answer faster"))
    if replicas > 1:
        flags.append(Flag("--dp-size", str(replicas), f"{replicas} copies of the model share the requests"))
    context = context_length or _VERIFIED_CONTEXT.get(model.size)
    if context:
        reason = "the longest request, pictures and answer included; also the model's own limit"
        flags.append(Flag("--context-length", str(context), reason if context == MODEL_CONTEXT else "as you asked"))
    if mem_fraction is not None:
        reason = "share of the GPU for weights and cache; on ROCm SGLang multiplies it by 0.85 for long contexts"
        flags.append(Flag("--mem-fraction-static", f"{mem_fraction:g}", reason))
    return tuple(flags)


def _differences(flags: tuple[Flag, ...], model: Model) -> tuple[str, ...]:
    verified = _flags(model, _VERIFIED_TP[model.size], 1, None, None)
    ours, theirs = dict(flag.words for flag in flags), dict(flag.words for flag in verified)
    return tuple(
        f"without {name} {theirs[name]}" if name not in ours
        else f"with {name} {ours[name]}" if name not in theirs
        else f"{name} {ours[name]} instead of {theirs[name]}"
        for name in dict.fromkeys([*theirs, *ours])
        if ours.get(name) != theirs.get(name)
    )  # fmt: skip


def _warnings(gpu: Gpu, model: Model, gpus: int, tp: int, mem: float | None) -> tuple[str, ...]:
    warnings, replicas = [], gpus // tp
    *most, last = map(str, model.tensor_parallel)
    if idle := gpus - tp * replicas:
        warnings.append(
            f"{idle} of {gpus} GPUs stay idle: {model.size} can be split over {', '.join(most)} or {last} GPUs,"
            f" and each replica takes {tp} {gpu.name} here."
        )
    if gpus == NODE_GPUS and model.size == "7B":
        warnings.append(
            f"7B cannot use 8 GPUs as one: it has {model.heads} heads. So {replicas} copies of {tp} GPUs each."
        )
    if tp > model.kv_heads:
        copies = tp // model.kv_heads
        warnings.append(
            f"{model.size} has {model.kv_heads} KV heads: with {tp} GPUs each is stored {copies} times, so the KV cache"
            " holds less."
        )
    if mem is not None and mem > 0.95:
        warnings.append(
            f"A memory fraction of {mem:g} leaves little for activations of large pictures; watch for out of memory."
        )
    return tuple(warnings)


def static_fraction(
    gpu: Gpu, tp: int, *, mem_fraction: float | None = None, context_length: int = MODEL_CONTEXT
) -> float:
    """Return the share of a GPU that SGLang gives to weights and KV cache, after its silent reductions.

    SGLang's own choice reserves 512 MiB, 1.5 MiB for each of 16,384 tokens of a chunk, 2 MiB for each of 512 graph
    batch sizes, and 128 MiB for each rank; it then multiplies the rest by 0.8966 because of the vision tower. On ROCm,
    the AITER attention multiplies any fraction by 0.85 if the context is longer than 8,192 tokens.
    Source: `server_args.py` and `model_config.py` of SGLang 0.5.6.
    """
    if mem_fraction is None:
        reserved_mib = 512 + 1.5 * 16_384 + 2 * 512 + 128 * tp
        mem_fraction = (1 - reserved_mib / gpu.memory_mib) * 0.8966
    return mem_fraction * (0.85 if context_length > AITER_FROM_CONTEXT else 1.0)
