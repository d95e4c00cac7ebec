"""From the log of a failed start to its causes, the first one first, each with the line that shows it and the fix.

The signs are data (`signs`). Only memory needs more than a line: what "out of memory" means depends on how far the
server had come, by its log or by the frames of the traceback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from vlnb.launch.signs import pattern, signs, stages

_LINE_CHARS = 300
_LEAST_CHARS = 6  # no sign is shorter
_READ_CHARS = 8_192  # of each line: a binary file may have no lines at all


@dataclass(frozen=True)
class Diagnosis:
    """One cause: its name, the line of the log that shows it, and what to do, in one sentence."""

    cause: str
    line: str
    advice: str

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.cause}: {self.advice}" + (f"\n  read from: {self.line}" if self.line else "")


_NOISE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\r")
_FRAME = re.compile(r'^\s*File "')
_SOURCE = ("raise ", "def ", "return ")  # lines of code in a traceback: the message comes further down
_ENDED_WAIT = re.compile(r"finish build \[(\w{1,100})\]")
_UNREADABLE = 0.1  # share of a line
_NO_DEVICE = {"no_gpu", "no_permission"}  # memory that a missing device does not have is no cause of its own


def diagnose(log: str) -> list[Diagnosis]:
    """Return the causes found in a log, in the order of the log and each once; then the symptoms that followed.

    Colours, prefixes, cut lines and interleaved ranks do not matter. Nothing before a line that says that the server is
    ready counts, so the log of a sound start gives an empty list. If nothing is known, one diagnosis `unknown` names
    the most telling line; an empty log gives `unknown` too.

    >>> diagnose("RuntimeError: No HIP GPUs are available")[0].cause
    'no_gpu'
    >>> diagnose("The server is fired up and ready to roll!")
    []
    """
    lines = [clean(line[:_READ_CHARS]) for line in log.splitlines()]
    ready = stages()[-1].ends if pattern("sglang").search(log) else pattern("ready_elsewhere")
    last_ready = max((number for number, line in enumerate(lines) if ready.search(line)), default=-1)
    found: dict[str, dict[str, Diagnosis]] = {"cause": {}, "weak": {}, "strange": {}, "symptom": {}}
    for kind, one in _found(lines[last_ready + 1 :], "ready" if last_ready >= 0 else ""):
        if kind != "strange" or not found["symptom"]:
            found[kind].setdefault(one.cause, one)
    causes = [*(found["cause"] or found["weak"]).values()]
    if not causes and found["strange"] and last_ready < 0:
        causes = [_unknown(lines)]
    known = [*causes, *found["symptom"].values()]
    return known if known or last_ready >= 0 else [_unknown(lines)]


def clean(line: str) -> str:
    """Return a line without colours and the prefixes of containers and journals."""
    line = _NOISE.sub("", line)
    while prefix := pattern("prefix").match(line):
        line = line[prefix.end() :]
    return line.strip()


def _found(lines: list[str], stage: str) -> Iterator[tuple[str, Diagnosis]]:
    """Yield (kind, diagnosis) in the order of the log.

    The kind is "cause" or "symptom"; "weak", which counts if nothing else does; or "strange", an exception that no sign
    knows.
    """
    weights_gb, free_gb, first_gb, frames, no_device = 0.0, 0.0, 0.0, list[str](), False
    ended = {match[1] for line in lines for match in _ENDED_WAIT.finditer(line)}
    for line in lines:
        if len(line) < _LEAST_CHARS:
            continue
        said = pattern("rank").sub("", line)
        if _FRAME.match(said):
            frames.append(said)
            continue
        if said.startswith(_SOURCE) or pattern("harmless").search(line):
            continue
        stage = next((one.name for one in stages() if one.begins.search(line)), stage)
        weights_gb = _gb(line, "mem usage") or weights_gb
        free_gb = (_gb(line, "avail mem") if stage == "weights" else None) or free_gb
        first_gb = first_gb or free_gb  # before the first weights: a second model finds less
        now = _stage_of(frames) or stage
        fact = pattern("hint").sub("", said)
        low = fact.lower()
        found = (sign for sign in signs() if sign.lines.search(low) and not (sign.kind == "memory" and no_device))
        sign = next(found, None)
        if sign and sign.kind == "memory":
            heavy = weights_gb >= 0.5 * free_gb if weights_gb else now != "KV cache"
            cause = _of_memory(sign.name, fact, now, first_gb, heavy=heavy)
            yield "cause", Diagnosis(cause, line[:_LINE_CHARS], _advice(cause, "memory"))
        elif sign and not (sign.kind == "weak" and any(module in fact for module in ended)):
            no_device |= sign.name in _NO_DEVICE
            yield sign.kind, Diagnosis(sign.name, line[:_LINE_CHARS], sign.advice)
        elif pattern("error").match(fact) and not pattern("generic").search(fact):
            cause, kind = ("graph_capture_failed", "weak") if now == "graphs" else ("unknown", "strange")
            yield kind, Diagnosis(cause, line[:_LINE_CHARS], _advice(cause, kind))
        if pattern("error").match(fact):
            frames.clear()


def _advice(cause: str, kind: str) -> str:
    return next((sign.advice for sign in signs() if (sign.name, sign.kind) == (cause, kind)), "")


def _stage_of(frames: list[str]) -> str:
    """Return how far the server had come by the frames of a traceback, "" if they do not tell."""
    *starting, ready = stages()
    surest_first = (*reversed(starting), ready)
    return next((stage.name for stage in surest_first if any(map(stage.frames.search, frames))), "")


def _of_memory(cause: str, fact: str, stage: str, free_gb: float, *, heavy: bool) -> str:
    """Return the cause that a sign of too little GPU memory stands for.

    `free_gb` was free before the weights, 0 if that is unknown. `heavy`: the weights took most of it.
    """
    if cause == "out_of_memory":
        of_stage = next((one.memory for one in stages() if one.name == stage), cause)
        return "gpu_in_use" if _held_by_others(fact, free_gb) else of_stage
    return "no_room_for_kv_cache" if cause == "weights_do_not_fit" and not heavy else cause


def _held_by_others(fact: str, free_gb: float) -> bool:
    """Whether other processes hold a quarter of the GPU, by the message or by what was free before the weights.

    The largest process is ours, unless the message names ours.
    """
    held = sorted(float(size) for size in re.findall(r"process \d+ has ([\d.]+) ?GiB", fact, re.IGNORECASE))
    capacity = re.search(r"total capacity of ([\d.]+) ?GiB", fact)
    others = held if "this process has" in fact else held[:-1]
    size = float(capacity[1]) if capacity else 0.0
    return sum(others) > 0.25 * size or 0 < free_gb < 0.75 * size


def _gb(line: str, what: str) -> float | None:
    match = re.search(rf"{what}=([\d.]+) ?GB", line, re.IGNORECASE)
    return float(match[1]) if match else None


def _unknown(lines: list[str]) -> Diagnosis:
    """Return the diagnosis `unknown` with the most telling line: the first exception, else the last error."""
    said = [line for line in lines if line]
    if not said:
        return Diagnosis("unknown", "", "The log is empty: the server was not started, or wrote elsewhere.")
    telling = [
        line
        for line in said
        if pattern("telling").search(line)
        and not (_FRAME.match(pattern("rank").sub("", line)) or pattern("generic").search(line))
    ]
    errors = [line for line in telling if pattern("error").match(pattern("rank").sub("", line))]
    line = errors[0] if errors else telling[-1] if telling else said[-1]
    if not telling and line.count("\ufffd") > _UNREADABLE * len(line):  # what stands for bytes that are no text
        return Diagnosis("unknown", "", "This is not a log, but binary data: give the text that the server wrote.")
    advice = "This failure is not known here. Read the log from this line on, and search SGLang's issues for it."
    return Diagnosis("unknown", line[:_LINE_CHARS], advice)
