"""Find the causes in the log of a failed start, in order, each with the line that shows it and the fix.

The signs are data (`signs`). Only a lack of memory needs more than one line: its cause depends on how far the start had
come, judging by the log or by the frames of the traceback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vlnb.launch.signs import pattern, signs, stages

_LINE_CHARS = 300
_MIN_CHARS = 6  # no sign is shorter
_READ_CHARS = 8_192  # of each line: a binary file may have no lines at all


@dataclass(frozen=True)
class Diagnosis:
    """One cause: its name, the line of the log that shows it, and advice in one sentence."""

    cause: str
    line: str
    advice: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.advice}" + (f"\n  read from: {self.line}" if self.line else "")


_NOISE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_FRAME = re.compile(r'^\s*File "')
_SOURCE = ("raise ", "def ", "return ")  # lines of code in a traceback, which precede the message
_ENDED_WAIT = re.compile(r"finish build \[(\w{1,100})\]")
_UNREADABLE = 0.1  # share of a line
_NO_DEVICE = {"no_gpu", "no_permission"}  # without a device, a lack of its memory is not a separate cause
# A forbidden GPU is not seen afterwards, and what is written to a full disk is cut off.
_EXPLAINED_BY = {"no_gpu": "no_permission", "jit_build": "disk_full", "broken_weights": "disk_full"}


def diagnose(log: str) -> list[Diagnosis]:
    """Return the causes found in a log, in the order of the log and each once; then the symptoms that followed.

    Colours, prefixes, truncated lines and interleaved ranks do not matter. Lines before the message that the server is
    ready are ignored, so the log of a successful start gives an empty list. If no sign matches, one diagnosis `unknown`
    names the most telling line; an empty log gives `unknown`, too.

    >>> diagnose("RuntimeError: No HIP GPUs are available")[0].cause
    'no_gpu'
    >>> diagnose("The server is fired up and ready to roll!")
    []
    """
    lines = [clean(line[:_READ_CHARS]) for line in log.splitlines()]
    ready = stages()[-1].ends if pattern("sglang").search(log) else pattern("ready_elsewhere")
    last_ready = max((number for number, line in enumerate(lines) if ready.search(line)), default=-1)
    found: dict[str, dict[str, Diagnosis]] = {"cause": {}, "weak": {}, "strange": {}, "symptom": {}}
    for kind, diagnosis in _found(lines[last_ready + 1 :]):
        if kind != "strange" or not found["symptom"]:
            found[kind].setdefault(diagnosis.cause, diagnosis)
    listed = found["cause"] or found["weak"]  # in the order of the log
    names = [*listed]
    causes = [one for i, one in enumerate(listed.values()) if _EXPLAINED_BY.get(one.cause) not in names[:i]]
    if not causes and found["strange"] and last_ready < 0:
        causes = [_unknown(lines)]
    diagnoses = [*causes, *found["symptom"].values()]
    return diagnoses if diagnoses or last_ready >= 0 else [_unknown(lines)]


def clean(line: str) -> str:
    """Return a line without colours and without the prefixes of containers and journals."""
    line = _NOISE.sub("", line)
    while prefix := pattern("prefix").match(line):
        line = line[prefix.end() :]
    return line.strip()


def _found(lines: list[str]) -> Iterator[tuple[str, Diagnosis]]:
    """Yield (kind, diagnosis) in the order of the log.

    The kind is "cause" or "symptom"; "weak", which counts only without other causes; or "strange", an exception that no
    sign matches.
    """
    stage, weights_gb, free_gb, first_gb, frames, no_device = "", 0.0, 0.0, 0.0, list[str](), False
    ended = {match[1] for line in lines for match in _ENDED_WAIT.finditer(line)}
    for line in lines:
        if len(line) < _MIN_CHARS:
            continue
        text = pattern("rank").sub("", line)
        if _FRAME.match(text):
            frames.append(text)
            continue
        if text.startswith(_SOURCE) or pattern("harmless").search(line):
            continue
        stage = next((one.name for one in stages() if one.begins.search(line)), stage)
        weights_gb = _gb(line, "mem usage") or weights_gb
        free_gb = (_gb(line, "avail mem") if stage == "weights" else None) or free_gb
        first_gb = first_gb or free_gb  # before the first model is loaded: a second one finds less
        now = _stage_of(frames) or stage
        fact = pattern("hint").sub("", text)
        low = fact.lower()
        matches = (sign for sign in signs() if sign.lines.search(low) and not (sign.kind == "memory" and no_device))
        sign = next(matches, None)
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
    """Return the stage of the start that the frames of a traceback belong to, "" if unknown."""
    *starting, ready = stages()
    surest_first = (*reversed(starting), ready)
    return next((stage.name for stage in surest_first if any(map(stage.frames.search, frames))), "")


def _of_memory(cause: str, fact: str, stage: str, free_gb: float, *, heavy: bool) -> str:
    """Return the cause that a sign of too little GPU memory stands for.

    `free_gb` was free before the weights were loaded, 0 if unknown. `heavy`: the weights took most of it.
    """
    if cause == "out_of_memory":
        stage_cause = next((one.memory for one in stages() if one.name == stage), cause)
        return "gpu_in_use" if _held_by_others(fact, free_gb) else stage_cause
    return "no_room_for_kv_cache" if cause == "weights_do_not_fit" and not heavy else cause


def _held_by_others(fact: str, free_gb: float) -> bool:
    """Whether other processes hold a quarter of the GPU, by the message or by the memory free before the weights.

    The largest process counts as ours, unless the message names ours.
    """
    held = sorted(float(size) for size in re.findall(r"process \d+ has ([\d.]+) ?GiB", fact, re.IGNORECASE))
    capacity = re.search(r"total capacity of ([\d.]+) ?GiB", fact)
    others = held if "this process has" in fact else held[:-1]
    size = float(capacity[1]) if capacity else 0.0
    return sum(others) > 0.25 * size or 0 < free_gb < 0.75 * size


def _gb(line: str, name: str) -> float | None:
    match = re.search(rf"{name}=([\d.]+) ?GB", line, re.IGNORECASE)
    return float(match[1]) if match else None


def _unknown(lines: list[str]) -> Diagnosis:
    """Return the diagnosis `unknown` with the most telling line: the first exception, else the last error."""
    filled = [line for line in lines if line]
    if not filled:
        return Diagnosis("unknown", "", "The log is empty: the server was not started, or wrote elsewhere.")
    telling = [
        line
        for line in filled
        if pattern("telling").search(line)
        and not (_FRAME.match(pattern("rank").sub("", line)) or pattern("generic").search(line))
    ]
    errors = [line for line in telling if pattern("error").match(pattern("rank").sub("", line))]
    line = errors[0] if errors else telling[-1] if telling else filled[-1]
    if not telling and line.count("\ufffd") > _UNREADABLE * len(line):  # replaces bytes that are not text
        return Diagnosis("unknown", "", "This is not a log, but binary data: give the text that the server wrote.")
    advice = "No sign matches this failure. Read the log from this line on, and search SGLang's issues for it."
    return Diagnosis("unknown", line[:_LINE_CHARS], advice)
