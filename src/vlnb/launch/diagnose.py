"""From the log of a failed start to its causes, the first one first, each with the line that shows it and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice

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


_WEIGHTS = (
    "The weights do not fit in the share of the GPU: split the model over more GPUs (--tp), or use a smaller size."
)
_NO_CACHE = (
    "The weights fit, but leave no room for the KV cache: raise --mem-fraction-static (ROCm multiplies it by 0.85),"
    " shorten --context-length, or use more GPUs (--tp)."
)
_GRAPHS = "Memory ran out while graphs were captured: lower --cuda-graph-max-bs or --mem-fraction-static a little."
_MEMORY = "The GPU ran out of memory while serving: lower --mem-fraction-static or --max-running-requests, or send smaller pictures."

# Sources: SGLang 0.5.6 and 0.5.23, ROCm's and RCCL's messages, threads of sgl-project/sglang; the shape of a line
# differs by version, so each pattern holds only the words that do not.
_SIGNS = {
    "bad_flag": (r"error: (unrecognized arguments|ambiguous option|argument [^:]+: (invalid|expected|not allowed))",
          "SGLang rejects this argument or its value. Correct it; argument names differ between SGLang versions."),
    "context_too_long": (r"longer than the model's context length|exceeds the model'?s maximum context length|context.?length.{0,60}(greater|larger|longer) than the derived",
          "The request or --context-length exceeds the model's context: use at most --context-length 128000, or send a shorter request or smaller pictures."),
    "bad_parallel_size": (r"is not divisible by|must be divisible by|AssertionError.*(tp_size|num_heads|tensor_parallel)|^assert .*% ?(self\.)?(tp|attn)_",
          "The model cannot be split over so many GPUs: its heads must be divisible by --tp (7B takes 1, 2 or 4; others also 8)."),
    "port_in_use": (r"address already in use|errno 98|port \d+ is (already )?(in use|not available|occupied)",
          "Another program listens on this port: stop it, or choose another with --port."),
    "no_access": (r"401 client error|403 client error|gated ?repo|is restricted|access to (this )?(model|repo).{0,40}(restricted|denied)|invalid (user )?token|you must have access",
          "The model hub refuses access: accept the model's licence there and set HF_TOKEN to a token that may read it."),
    "offline": (r"LocalEntryNotFound|couldn'?t connect to|offline mode|(name or service not known|temporary failure in name resolution|max retries exceeded|network is unreachable)",
          "The model hub cannot be reached: check the network and proxy, or download the model elsewhere and give its folder."),
    "model_not_found": (r"RepositoryNotFound|repo id must be in the form|is not a local folder and is not a valid model|does not appear to have a file named|no such file or directory.{0,80}(config\.json|safetensors|model)|cannot find any model weights|404 client error|EntryNotFound",
          "There is no such model: correct its name on the hub, or the folder's path (it must hold config.json and the weights)."),
    "broken_weights": (r"safetensors.{0,40}(error|incomplete|invalid)|SafetensorError|incomplete ?metadata|invalid ?header|MetadataIncompleteBuffer",
          "A file of the weights is broken or cut off: delete it and download the model again."),
    "shared_memory": (r"shared memory segment.{0,20}/dev/shm|/dev/shm/(nccl|torch)|\bbus error|out of shared memory|insufficient shared memory|shm.{0,20}(too small|no space)",
          "Shared memory is too small: start the container with --shm-size 16g and --ipc=host, or mount a larger /dev/shm."),
    "disk_full": (r"no space left on device|errno 28|disk quota exceeded|not enough (free )?disk",
          "The disk is full: free some space (72B needs 147 GB), or move the cache with HF_HOME."),
    "no_permission": (r"unable to open /dev/kfd|/dev/(kfd|dri)\S*.{0,30}permission denied|permission denied.{0,40}/dev/(kfd|dri)|missing the following required groups",
          "This user may not use the GPUs: add them to the groups render and video; in a container pass --device=/dev/kfd --device=/dev/dri and --group-add."),
    "wrong_gpu_image": (r"no kernel image is available|invalid device function|hipErrorNoBinaryForGpu|code object.{0,30}(isa|not.{0,10}compatible)|HSA_STATUS_ERROR_INVALID_ISA|unsupported gpu arch",
          "The image was built for another GPU: take mi30x for MI300X and MI325X, mi35x for MI355X."),
    "no_gpu": (r"no hip gpus are available|no cuda gpus are available|could not convert string to float: ''|hipErrorNoDevice|no rocm-capable device|found no nvidia driver|torch not compiled with (cuda|hip)|no accelerator .{0,30}(available|found)|rocminfo.{0,20}not found",
          "No AMD GPU is seen from here: check `rocminfo`, and that the container got --device=/dev/kfd --device=/dev/dri."),
    "gpu_in_use": (r"memory capacity is unbalanced|gpu is (busy|in use)|device or resource busy",
          "Other programs use some of the GPUs: stop them (amd-smi process), or choose free GPUs by HIP_VISIBLE_DEVICES."),
    "jit_build": (r"waiting for baton release|lock_module_\S+|ninja: (error|build stopped)|error building extension|hipcc.{0,60}(error|failed)|subprocess\.CalledProcessError.{0,60}ninja",
          "Building AITER's kernels failed or waits for a stale lock: remove the lock files that the line names, and start again; the first build takes ten minutes."),
    "missing_module": (r"^(?!.*ignore import error).*(ModuleNotFoundError|ImportError): ",
          "A Python package is missing or does not fit: use the ROCm image, and never `pip install sglang` on ROCm (it brings CUDA packages)."),
    "graph_capture_failed": (r"capture cuda graph failed|hipErrorStreamCapture|operation not permitted when stream is capturing", _GRAPHS),
    "watchdog": (r"watchdog timeout|watchdog.{0,30}(expired|caught)|soft watchdog",
          "One step took over five minutes: raise --watchdog-timeout for a first start that builds kernels; else look for a GPU that hangs."),
    "collective_failed": (r"(nccl|rccl)\S*.{0,40}(error|failure|warn.{0,30}fail)|unhandled (system|cuda|hip) error|DistBackendError|ProcessGroupNCCL.{0,60}(timeout|timed out|exception)|gloo.{0,40}(connect|timeout)",
          "The GPUs could not talk to each other: check that all are free and visible, shared memory (--shm-size 16g), and NCCL_DEBUG=INFO."),
    "killed": (r"(^|\] )killed\b|exit(ed)? (with )?(code|status):? ?-?(9|137)\b|signal 9\b|sigkill|out of memory: killed process|oom.?kill|memory access fault|segmentation fault|core dumped|fatal python error",
          "The process was killed or crashed: check the machine's own memory (dmesg, `free -g`), and the container's limit."),
}  # fmt: skip
_SIGN_OF = {cause: (re.compile(pattern, re.IGNORECASE), advice) for cause, (pattern, advice) in _SIGNS.items()}
_SYMPTOMS = {"collective_failed", "killed"}  # these follow from something else and are named after all causes
_OUT_OF_MEMORY = re.compile(
    r"(HIP|CUDA) out of memory|hipErrorOutOfMemory|OutOfMemoryError|HSA_STATUS_ERROR_OUT_OF_RESOURCES", re.IGNORECASE
)
_NOT_ENOUGH = re.compile(
    r"leaves? no gpu memory for the kv cache|not enough memory.{0,40}(mem-fraction-static)?|max_total_num_tokens.{0,20}(<= ?0|negative)|memory pool.{0,30}too small",
    re.IGNORECASE,
)
_BY_PHASE = {
    "weights": ("weights_do_not_fit", _WEIGHTS),
    "loaded": ("no_room_for_kv_cache", _NO_CACHE),
    "graphs": ("graph_capture_failed", _GRAPHS),
}
_NOISE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\r")
# The prefixes of lines in pasted logs: compose's service, Kubernetes' pod and time, journald's time and host.
_PREFIX = re.compile(
    r"^(?:\S+\s+\|\s+|\[pod/\S+\]\s+|\d{4}-\d\d-\d\dT\S+Z?\s+(?:std(?:out|err) [FP] )?|[A-Z][a-z]{2} +\d+ [\d:]{8} \S+ \S+\[\d+\]: |>+ ?)+"
)
_SOURCE = ("raise ", "File ", "def ", "return ")  # lines of code in a traceback: the message comes further down
_TELLING = re.compile(r"error|exception|fail|fatal|abort|killed|cannot|unable|denied|refused", re.IGNORECASE)
_GENERIC = re.compile(
    r"ignore import error|traceback|received sigquit|scheduler hit an exception|the above exception|during handling",
    re.IGNORECASE,
)


def diagnose(log: str) -> list[Diagnosis]:
    """Return the causes found in a log, in the order of the log and each once; then the symptoms that followed.

    Colours, prefixes, cut lines and interleaved ranks do not matter. If nothing is known, one diagnosis `unknown` names
    the most telling line. An empty log gives `unknown` too; a log of a successful start gives an empty list.
    """
    lines = [clean(line[:_READ_CHARS]) for line in log.splitlines()]
    found: dict[str, Diagnosis] = {}
    for cause, line, advice in _found(lines):
        found.setdefault(cause, Diagnosis(cause, line[:_LINE_CHARS], advice))
    if found or "fired up and ready to roll" in log:
        return sorted(found.values(), key=lambda one: one.cause in _SYMPTOMS)
    return [_unknown(lines)]


def clean(line: str) -> str:
    """Return a line without colours and the prefixes of containers and journals."""
    return _PREFIX.sub("", _NOISE.sub("", line)).strip()


def _found(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (cause, line, advice); what "out of memory" means depends on how far the server had come."""
    phase, weights_gb, free_gb = "", 0.0, 0.0
    for line in lines:
        if line.startswith(_SOURCE):
            continue
        text = line.lower()
        if "load weight begin" in text:
            phase, free_gb = "weights", _gb(line, "avail mem") or free_gb
        elif "load weight end" in text:
            phase, weights_gb = "loaded", _gb(line, "mem usage") or weights_gb
        elif "capture cuda graph begin" in text:
            phase = "graphs"
        elif "capture cuda graph end" in text or "fired up and ready" in text:
            phase = "serving"
        if _OUT_OF_MEMORY.search(line):
            cause, advice = _BY_PHASE.get(phase, ("out_of_memory", _MEMORY))
            yield cause, line, advice
        elif _NOT_ENOUGH.search(line):
            # After small weights, it is the cache that found no room.
            small = weights_gb < 0.5 * free_gb if weights_gb else "for the kv cache" in text
            cause, advice = _BY_PHASE["loaded" if small else "weights"]
            yield cause, line, advice
        else:
            signs = ((cause, line, advice) for cause, (pattern, advice) in _SIGN_OF.items() if pattern.search(line))
            yield from islice(signs, 1)


def _gb(line: str, what: str) -> float | None:
    match = re.search(rf"{what}=([\d.]+) ?GB", line)
    return float(match[1]) if match else None


def _unknown(lines: list[str]) -> Diagnosis:
    """Return the diagnosis `unknown` with the most telling line: the last error that is not a generic one."""
    telling = [line for line in lines if _TELLING.search(line) and not _GENERIC.search(line)]
    last = next((line for line in reversed(lines) if line), "")
    advice = "This failure is not known here. Read the log from this line on, and search SGLang's issues for it."
    if not last:
        return Diagnosis("unknown", "", "The log is empty: the server was not started, or wrote elsewhere.")
    return Diagnosis("unknown", (telling[-1] if telling else last)[:_LINE_CHARS], advice)
