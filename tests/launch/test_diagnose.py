"""Failed starts named by their first cause: lines as people meet and paste them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb.launch import diagnose
from vlnb.launch.diagnose import _SIGNS, clean

LOGS = Path(__file__).parent.parent / "data" / "logs"

LINES = [
    # cause, a line that shows it
    ("weights_do_not_fit", "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."),
    ("out_of_memory", "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB. GPU 3 has a total"),
    ("graph_capture_failed", "Exception: Capture cuda graph failed: HIP error: operation not permitted"),
    ("wrong_gpu_image", "RuntimeError: HIP error: no kernel image is available for execution on the device"),
    ("wrong_gpu_image", "torch.AcceleratorError: HIP error: invalid device function"),
    ("no_gpu", "RuntimeError: No HIP GPUs are available"),
    ("no_gpu", "ValueError: could not convert string to float: ''"),
    ("no_permission", "Unable to open /dev/kfd read-write: Permission denied"),
    ("jit_build", "[aiter] waiting for baton release at /tmp/aiter/build/lock_module_rmsnorm"),
    ("collective_failed", "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3356, unhandled"),
    ("shared_memory", "Error while creating shared memory segment /dev/shm/nccl-h1BzxD (size 9637888)"),
    ("shared_memory", "Fatal: Bus error (core dumped)"),
    ("port_in_use", "ERROR: [Errno 98] error while attempting to bind on address ('0.0.0.0', 30000): address already in use"),
    ("model_not_found", "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error."),
    ("no_access", "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url"),
    ("no_access", "OSError: You are trying to access a gated repo. GatedRepoError: 403 Client Error."),
    ("offline", "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder"),
    ("disk_full", "OSError: [Errno 28] No space left on device: '/root/.cache/huggingface/blobs/x.incomplete'"),
    ("bad_parallel_size", "AssertionError: 28 is not divisible by 8"),
    ("bad_flag", "launch_server.py: error: unrecognized arguments: --keep-mm-feature-on-device"),
    ("bad_flag", "sglang serve: error: ambiguous option: --cuda-graph-max-bs could match --cuda-graph-max-bs-decode"),
    ("watchdog", "[2026-01-09 12:00:00 TP5] Watchdog timeout (self.watchdog_timeout=300, self.soft=False)"),
    ("context_too_long", "ValueError: The input (140003 tokens) is longer than the model's context length (128000 tokens)."),
    ("gpu_in_use", "ValueError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes."),
    ("missing_module", "ModuleNotFoundError: No module named 'aiter'"),
    ("missing_module", "ImportError: libcuda.so.1: cannot open shared object file"),
    ("broken_weights", "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer"),
    ("killed", "Killed"),
    ("killed", "Exception: Server process exited with code -9. Check server logs for errors."),
]  # fmt: skip


def test_every_sign_has_a_line_that_shows_it():
    assert _SIGNS.keys() <= {cause for cause, _ in LINES}


DRESS = {
    "plain": "{}",
    "colour": "\x1b[31m\x1b[1m{}\x1b[0m\r",
    "rank": "[2026-01-09 12:00:00 TP3] {}",
    "compose": "vlnb_1  | {}",
    "kubernetes": "2026-01-09T12:00:00.123Z stderr F {}",
    "journal": "Jan  9 12:00:00 node1 docker[991]: {}",
    "quoted": "> {}",
}


@pytest.mark.parametrize("dress", DRESS)
@pytest.mark.parametrize(("cause", "line"), LINES, ids=[f"{cause}-{i}" for i, (cause, _) in enumerate(LINES)])
def test_every_cause_in_every_dress(cause, line, dress):
    around = "[2026-01-09 11:59:59] server_args=ServerArgs(tp_size=8)\n{}\nReceived sigquit from a child process."
    found = diagnose(around.format(DRESS[dress].format(line)))
    assert found[0].cause == cause
    assert line[:40] in found[0].line
    assert found[0].advice.endswith(".")


def test_the_first_cause_comes_first_and_the_symptoms_last():
    log = "\n".join(
        [
            "[12:00:00 TP0] Load weight begin. avail mem=191.05 GB",
            "[12:01:00 TP3] torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.13 GiB.",
            "[rank5]: torch.distributed.DistBackendError: NCCL error: remote process exited",
            "[12:01:00 TP1] Scheduler hit an exception: Traceback (most recent call last):",
            "[12:01:01 TP2] torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.13 GiB.",
            "[12:01:02] Received sigquit from a child process. It usually means the child failed.",
            "Killed",
        ]
    )
    assert [found.cause for found in diagnose(log)] == ["weights_do_not_fit", "collective_failed", "killed"]
    assert "TP3" in diagnose(log)[0].line


def test_a_symptom_that_is_printed_before_its_cause():
    log = "[rank1]: NCCL error: unhandled system error\n[TP0] RuntimeError: No HIP GPUs are available"
    assert [found.cause for found in diagnose(log)] == ["no_gpu", "collective_failed"]


PHASES = [
    (["Load weight begin. avail mem=191.05 GB"], "weights_do_not_fit"),
    (["Load weight begin. avail mem=191.05 GB", "Load weight end. avail mem=54 GB, mem usage=136.9 GB."], "no_room_for_kv_cache"),
    (["Load weight end. mem usage=17 GB.", "Capture cuda graph begin. This can take up to several minutes."], "graph_capture_failed"),
    (["Capture cuda graph begin.", "Capture cuda graph end. Time elapsed: 20 s", "fired up and ready to roll"], "out_of_memory"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "cause"), PHASES)
def test_out_of_memory_is_told_by_its_phase(before, cause):
    assert diagnose("\n".join([*before, "HIP out of memory. Tried to allocate 1 GiB"]))[0].cause == cause


def test_not_enough_memory_is_told_by_the_weights():
    begin, line = (
        "Load weight begin. avail mem=191.05 GB",
        "Not enough memory. Please try to increase --mem-fraction-static.",
    )
    large = "Load weight end. type=Qwen2_5_VL, avail mem=54.2 GB, mem usage=136.85 GB."
    small = "Load weight end. type=Qwen2_5_VL, avail mem=175.5 GB, mem usage=15.5 GB."
    assert diagnose("\n".join([begin, large, line]))[0].cause == "weights_do_not_fit"
    assert diagnose("\n".join([begin, small, line]))[0].cause == "no_room_for_kv_cache"


BENIGN = [
    "Ignore import error when loading sglang.srt.multimodal.processors.inkling: No module named 'cutlass'",
    "NUMA auto balancing enabled which may hurt performance",
    "[aiter] start build [module_rmsnorm] under /root/.aiter/build",
    "UserWarning: Only CUDA, MUSA and NPU support GGUF quantization currently.",
    "KV pool holds 16384 tokens, fewer than --context-length 128000. One full-length request cannot fit",
    "torchaudio is not installed; audio inputs will fail at request time",
]


def test_a_sound_start_has_no_diagnosis():
    assert diagnose("\n".join([*BENIGN, "The server is fired up and ready to roll!"])) == []


def test_benign_lines_are_no_causes():
    (found,) = diagnose(
        "\n".join([*BENIGN, "Traceback (most recent call last):", "FrobnicationError: the frob failed"])
    )
    assert found.cause == "unknown"
    assert found.line == "FrobnicationError: the frob failed"
    assert "not known here" in found.advice


@pytest.mark.parametrize("log", ["", "\n \n"])
def test_an_empty_log(log):
    assert "log is empty" in diagnose(log)[0].advice


@given(st.text(max_size=400))
def test_any_text_is_taken(text):
    for found in diagnose(text):
        assert found.cause
        assert len(found.line) <= 300


def test_clean_takes_the_dress_off():
    for dress in DRESS.values():
        assert clean(dress.format("Killed")).endswith("Killed")


REAL = sorted(LOGS.glob("*.log"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_logs_of_a_real_server(path):
    """Each file is a log of SGLang 0.5.23 itself, named after what was done to it; only paths were cut out."""
    expected = path.stem.split("-")[0]
    found = diagnose(path.read_text())
    assert (found[0].cause if found else "sound") == expected
