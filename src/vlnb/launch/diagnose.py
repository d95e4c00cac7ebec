"""From the log of a failed start to its causes, the first one first, each with the line that shows it and the fix.

The signs are data, in `signs.toml`. Only memory needs more than a line: what "out of memory" means depends on how far
the server had come, by its log or by the frames of the traceback.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import resources

_LINE_CHARS = 300
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
        return f"{self.cause}: {self.advice}\n  read from: {self.line}"


@dataclass(frozen=True)
class Sign:
    """One cause in `signs.toml`: what its lines look like, and the advice. `kind` is "cause", "symptom" or "weak"."""

    name: str
    advice: str
    lines: tuple[str, ...]
    kind: str = "cause"

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """One expression for all lines."""
        return re.compile("|".join(f"(?:{line})" for line in self.lines), re.IGNORECASE)


_ADVICE = {
    "weights_do_not_fit": "The weights do not fit in the share of the GPU: split the model over more GPUs (--tp), or"
    " use a smaller size.",
    "no_room_for_kv_cache": "The weights fit, but leave no room for the KV cache: raise --mem-fraction-static (on ROCm,"
    " SGLang multiplies it by 0.85 when the context is long), shorten --context-length, or use more GPUs (--tp).",
    "graph_capture_failed": "Memory ran out while graphs were captured: lower --cuda-graph-max-bs or"
    " --mem-fraction-static a little.",
    "out_of_memory": "The GPU ran out of memory while serving: lower --mem-fraction-static or --max-running-requests,"
    " or send smaller pictures.",
    "gpu_in_use": "Other processes hold memory of this GPU: stop them (`amd-smi process` lists them), or choose a free"
    " GPU by HIP_VISIBLE_DEVICES.",
}
_GRAPHS = (
    "An error ended the capture of the graphs: read the traceback above this line, and find out more by a start with"
    " --disable-cuda-graph."
)
_OUT_OF_MEMORY = re.compile(
    r"(HIP|CUDA) out of memory|hipErrorOutOfMemory|OutOfMemoryError|HSA_STATUS_ERROR_OUT_OF_RESOURCES", re.IGNORECASE
)
_NO_CACHE = re.compile(
    r"no (gpu |available )?memory (left )?for the (kv )?cache|kv cache (memory )?(is|of|:).{0,10} -\d"
    r"|max_total_num_tokens.{0,20}(<= ?0|negative)|memory pool.{0,30}too small|larger than .{0,80}in (the )?kv cache"
    r"|larger than the available kv cache",
    re.IGNORECASE,
)
_NOT_ENOUGH = re.compile(r"\bnot enough(t|ed)? (gpu )?memory\b", re.IGNORECASE)
_NO_DEVICE = {"no_gpu", "no_permission"}  # memory that a missing device does not have is no cause of its own

# How far the server had come: by lines of the log, and by the frames of a traceback, the surest first.
_PHASE_LINES = (
    ("weights", re.compile(r"load weight begin|starting to load model", re.IGNORECASE)),
    ("cache", re.compile(r"load weight end|model loading took|model weights take", re.IGNORECASE)),
    ("graphs", re.compile(r"capture \w+ graph begin|capturing (cuda|hip) ?graph", re.IGNORECASE)),
    ("serving", re.compile(r"capture \w+ graph end|graph capturing finished|fired up and ready", re.IGNORECASE)),
)
_PHASE_FRAMES = (
    ("graphs", re.compile(r"graph_runner|, in (capture\w*|_?capture_model)$")),
    ("cache", re.compile(r"memory_pool|, in (init_memory_pool|initialize_kv_cache\w*|determine_\w*memory|profile_\w+)$")),
    ("weights", re.compile(r"model_loader|weight_utils|, in (load_model|load_weights|_?initialize_model)$")),
    ("serving", re.compile(r", in (event_loop\w*|run_batch|forward_(batch\w*|extend|decode))$")),
)  # fmt: skip
_PHASE_CAUSES = {
    "weights": "weights_do_not_fit", "cache": "no_room_for_kv_cache", "graphs": "graph_capture_failed",
}  # fmt: skip

_NOISE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\r")
# The prefixes of lines in pasted logs: compose's service, Kubernetes' pod and time, journald's time and host, quotes,
# vLLM's process and level.
_PREFIX = re.compile(
    r"^(?:\S+\s+\|\s+|\[pod/\S+\]\s+|\d{4}-\d\d-\d\dT\S+Z?\s+(?:std(?:out|err) [FP] )?"
    r"|[A-Z][a-z]{2} +\d+ [\d:]{8} \S+ \S+\[\d+\]: |>+ ?|\((?:\w+ )*(?:pid|rank)=\S+\) ?"
    r"|(?:INFO|WARNING|ERROR|CRITICAL)[: ]+(?:\d\d-\d\d )?[\d:]{8} (?:\[\S+\] )?)+"
)
# SGLang's and torch's own, the time and rank: shown, but no sign looks at it.
_RANK = re.compile(r"^(?:\[rank\d+\]:(?:\[\S+\])? |\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d[^\]]{0,40}\] )+\s*")
_FRAME = re.compile(r'^\s*File "')
_SOURCE = ("raise ", "def ", "return ")  # lines of code in a traceback: the message comes further down
# Sentences that say what may be, or what to try, state no fact.
_HINT = re.compile(
    r"(?:^|(?<=[.!?;] ))(?:(?:if|in case|to avoid|try|please|consider|perhaps|possibly|make sure)\b"
    r"|(?:it|this|that|the|a|an)\b[^.:]{0,60}\b(?:(?:may|might|can|could) (?!not\b)|usually |often |common cause))"
    r"(?:[^.]|\.\S)*\.?",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"ignore import error|is connected to \d+ peer ranks|NCCL INFO|torchaudio is not installed"
    r"|kernel errors might be asynchronously|stacktrace below might be",
    re.IGNORECASE,
)
_ENDED_WAIT = re.compile(r"finish build \[(\w{1,100})\]")
_READY = re.compile(r"fired up and ready to roll", re.IGNORECASE)
_READY_ELSEWHERE = re.compile(_READY.pattern + "|application startup complete|server is listening on", re.IGNORECASE)
_SGLANG = re.compile(r"sglang|server_args|load weight begin", re.IGNORECASE)  # it is ready later than its web server
_ERROR = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Fault|Exit|Interrupt)\b: *\S")
_TELLING = re.compile(r"error|exception|fail|fatal|abort|killed|cannot|unable|denied|refused", re.IGNORECASE)
_GENERIC = re.compile(
    r"ignore import error|traceback|received sigquit|scheduler hit an exception|the above exception|during handling"
    r"|engine ?core.{0,30}failed|see root cause|failed core proc|died during initialization|^systemexit",
    re.IGNORECASE,
)


@functools.cache
def signs() -> tuple[Sign, ...]:
    """Return all signs, in the order in which they are tried on a line."""
    text = resources.files("vlnb.launch").joinpath("signs.toml").read_text("utf-8")
    return tuple(Sign(**{**one, "lines": tuple(one["lines"])}) for one in tomllib.loads(text)["cause"])


def diagnose(log: str) -> list[Diagnosis]:
    """Return the causes found in a log, in the order of the log and each once; then the symptoms that followed.

    Colours, prefixes, cut lines and interleaved ranks do not matter. Nothing before a line that says that the server is
    ready counts, so the log of a sound start gives an empty list. If nothing is known, one diagnosis `unknown` names the
    most telling line; an empty log gives `unknown` too.

    >>> diagnose("RuntimeError: No HIP GPUs are available")[0].cause
    'no_gpu'
    >>> diagnose("The server is fired up and ready to roll!")
    []
    """
    lines = [clean(line[:_READ_CHARS]) for line in log.splitlines()]
    ready = _READY if _SGLANG.search(log) else _READY_ELSEWHERE
    last_ready = max((number for number, line in enumerate(lines) if ready.search(line)), default=-1)
    found: dict[str, dict[str, Diagnosis]] = {"cause": {}, "weak": {}, "symptom": {}}
    for kind, one in _found(lines[last_ready + 1 :], "serving" if last_ready >= 0 else ""):
        found[kind].setdefault(one.cause, one)
    known = [*(found["cause"] or found["weak"]).values(), *found["symptom"].values()]
    return known if known or last_ready >= 0 else [_unknown(lines)]


def clean(line: str) -> str:
    """Return a line without colours and the prefixes of containers and journals."""
    return _PREFIX.sub("", _NOISE.sub("", line)).strip()


def _found(lines: list[str], phase: str) -> Iterator[tuple[str, Diagnosis]]:
    """Yield ("cause", "weak" or "symptom", diagnosis) in the order of the log; weak ones count if nothing else does."""
    weights_gb, free_gb, frames, no_device = 0.0, 0.0, list[str](), False
    ended = {match[1] for line in lines for match in _ENDED_WAIT.finditer(line)}
    for line in lines:
        said = _RANK.sub("", line)
        if _FRAME.match(said):
            frames.append(said)
            continue
        if said.startswith(_SOURCE) or _HARMLESS.search(line):
            continue
        phase = next((name for name, pattern in _PHASE_LINES if pattern.search(line)), phase)
        weights_gb = _gb(line, "mem usage") or weights_gb
        free_gb = (_gb(line, "avail mem") if phase == "weights" else None) or free_gb
        now = _phase_of(frames) or phase
        fact = _HINT.sub("", said)
        sign = next((sign for sign in signs() if sign.pattern.search(fact)), None)
        cause = _of_memory(fact, now, heavy=weights_gb >= 0.5 * free_gb if weights_gb else now != "cache")
        if cause and not no_device:
            yield "cause", Diagnosis(cause, line[:_LINE_CHARS], _ADVICE[cause])
        elif sign and not (sign.kind == "weak" and any(module in fact for module in ended)):
            no_device |= sign.name in _NO_DEVICE
            yield sign.kind, Diagnosis(sign.name, line[:_LINE_CHARS], sign.advice)
        elif now == "graphs" and _ERROR.match(fact) and not _GENERIC.search(fact):
            yield "weak", Diagnosis("graph_capture_failed", line[:_LINE_CHARS], _GRAPHS)
        if _ERROR.match(fact):
            frames.clear()


def _phase_of(frames: list[str]) -> str:
    """Return how far the server had come by the frames of a traceback, "" if they do not tell."""
    return next((name for name, pattern in _PHASE_FRAMES if any(map(pattern.search, frames))), "")


def _of_memory(fact: str, phase: str, *, heavy: bool) -> str:
    """Return the cause if a GPU's memory did not suffice, else "". `heavy` says that the weights took most of it."""
    if _OUT_OF_MEMORY.search(fact):
        return "gpu_in_use" if _held_by_others(fact) else _PHASE_CAUSES.get(phase, "out_of_memory")
    if _NO_CACHE.search(fact):
        return "no_room_for_kv_cache"
    if _NOT_ENOUGH.search(fact):
        return "weights_do_not_fit" if heavy else "no_room_for_kv_cache"
    return ""


def _held_by_others(fact: str) -> bool:
    """Whether other processes hold a quarter of the GPU. The largest is ours, unless the message names ours."""
    held = sorted(float(size) for size in re.findall(r"process \d+ has ([\d.]+) ?GiB", fact, re.IGNORECASE))
    capacity = re.search(r"total capacity of ([\d.]+) ?GiB", fact)
    others = held if "this process has" in fact else held[:-1]
    return capacity is not None and sum(others) > 0.25 * float(capacity[1])


def _gb(line: str, what: str) -> float | None:
    match = re.search(rf"{what}=([\d.]+) ?GB", line, re.IGNORECASE)
    return float(match[1]) if match else None


def _unknown(lines: list[str]) -> Diagnosis:
    """Return the diagnosis `unknown` with the most telling line: the first exception, else the last error."""
    said = [line for line in lines if line]
    if not said:
        return Diagnosis("unknown", "", "The log is empty: the server was not started, or wrote elsewhere.")
    telling = [
        line for line in said
        if _TELLING.search(line) and not (_FRAME.match(_RANK.sub("", line)) or _GENERIC.search(line))
    ]  # fmt: skip
    errors = [line for line in telling if _ERROR.match(_RANK.sub("", line))]
    line = errors[0] if errors else telling[-1] if telling else said[-1]
    advice = "This failure is not known here. Read the log from this line on, and search SGLang's issues for it."
    return Diagnosis("unknown", line[:_LINE_CHARS], advice)
