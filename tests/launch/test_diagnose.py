"""Failed starts named by their first cause, from log lines as people find and paste them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb.launch import diagnose
from vlnb.launch.diagnose import clean, signs

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
    ("too_few_gpus", "RuntimeError: HIP error: invalid device ordinal"),
    ("too_few_gpus", "ValueError: Tensor parallel size (8) is larger than the number of available GPUs (4)."),
    ("too_few_gpus", "AssertionError: the plan requires 8 GPUs, but only 4 are visible"),
    ("too_few_gpus", "0/3 nodes are available: 3 Insufficient amd.com/gpu. preemption: 0/3 nodes are available"),
    ("too_few_gpus", "ValueError: The number of required GPUs exceeds the total number of available GPUs in the placement"),
    ("shared_memory", "ncclSystemError: posix_fallocate failed: No space left on device"),
    ("shared_memory", "OSError: [Errno 28] No space left on device: '/dev/shm/sem.mp-abc'"),
    ("no_permission", "docker: error: open /dev/kfd: operation not permitted"),
    ("no_gpu", 'docker: Error response from daemon: error gathering device information: "/dev/dri": no such file or directory.'),
    ("no_gpu", "Unable to open /dev/kfd read-write: No such file or directory"),
    ("no_gpu", "RuntimeError: Failed to infer device type, please set VLLM_LOGGING_LEVEL=DEBUG"),
    ("no_gpu", "ROCk module is NOT loaded, possibly no GPU devices"),
    ("wrong_gpu_image", "KeyError: 'Unknown GPU architecture: gfx1151. Supported architectures: [gfx942, gfx950]'"),
    ("missing_build_tool", "RuntimeError: Ninja is required to load C++ extensions (pip install ninja to get it)"),
    ("missing_build_tool", "RuntimeError: Failed to find C compiler. Please specify via CC environment variable."),
    ("missing_build_tool", "/bin/sh: 1: hipcc: not found"),
    ("missing_build_tool", "FileNotFoundError: [Errno 2] No such file or directory: '/opt/rocm/bin/hipcc'"),
    ("missing_build_tool", "main.cpp:3:10: fatal error: Python.h: No such file or directory"),
    ("version_conflict", "ValueError: The checkpoint has model type `qwen2_5_vl` but Transformers does not recognize this architecture."),
    ("version_conflict", "ImportError: cannot import name 'Qwen2VLImageProcessorFast' from 'transformers'"),
    ("version_conflict", "TypeError: register() got multiple values for argument 'exist_ok'"),
    ("version_conflict", "ImportError: /opt/lib/sgl_kernel.so: undefined symbol: _ZN3c104cuda9SetDeviceEa"),
    ("version_conflict", "ValueError: Model architectures ['Qwen2_5_VLForConditionalGeneration'] are not supported for now."),
    ("version_conflict", "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.1.0"),
    ("host_memory", "OSError: [Errno 12] Cannot allocate memory"),
    ("host_memory", "Out of memory: Killed process 4711 (sglang::schedul) total-vm:301234kB"),
    ("host_memory", "Reason:       OOMKilled"),
    ("host_memory", "terminate called after throwing an instance of 'std::bad_alloc'"),
    ("gpu_fault", "Memory access fault by GPU node-3 (Agent handle: 0x1) on address 0x7f00. Reason: Unknown."),
    ("gpu_fault", "torch.AcceleratorError: HIP error: an illegal memory access was encountered"),
    ("gpu_fault", "HW Exception by GPU node-2 (Agent handle: 0x2) reason :GPU Hang"),
    ("no_room_for_kv_cache", "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`."),
    ("no_room_for_kv_cache", "ValueError: To serve one request, 8.0 GiB KV cache is needed, which is larger than the available KV cache memory"),
    ("context_too_long", "The decoder prompt (length 70001) is longer than the maximum model length of 32768."),
    ("context_too_long", "ValueError: User-specified max_model_len (200000) is greater than the derived max_model_len (128000)"),
    ("context_too_long", "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens"),
    ("gpu_in_use", "ValueError: Free memory on device (10.1/191.9 GiB) on startup is less than desired GPU memory utilization"),
    ("gpu_in_use", "HIP out of memory. GPU 0 has a total capacity of 191.98 GiB. Process 7 has 150.00 GiB memory in use. Here this process has 40 GiB"),
    ("port_in_use", "docker: Error response from daemon: Bind for 0.0.0.0:30000 failed: port is already allocated."),
    ("jit_build", "[aiter] failed jit build [module_gemm_a8w8]"),
    ("collective_failed", "Process group watchdog thread terminated with exception: HIP error: operation not permitted when stream is capturing"),
    ("missing_module", "ModuleNotFoundError: No module named 'aiter'"),
    ("missing_module", "ImportError: libcuda.so.1: cannot open shared object file"),
    ("broken_weights", "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer"),
    ("killed", "Killed"),
    ("killed", "Exception: Server process exited with code -9. Check server logs for errors."),
    ("too_few_gpus", "AssertionError: Insufficient GPUs: requested 8, found 2"),
    ("too_few_gpus", "RuntimeError: Not enough CUDA devices: tp_size=8, device_count=1"),
    ("too_few_gpus", "AssertionError: rank 4 needs GPU index 4, but only 4 visible devices"),
    ("no_gpu", "ERROR: No GPU detected. This server requires at least one."),
    ("no_gpu", "RuntimeError: Attempting to deserialize on a CUDA device but torch.cuda.is_available() is False."),
    ("no_gpu", "AmdSmiLibraryException: Error code: 34 | AMDSMI_STATUS_DRIVER_NOT_LOADED - Driver not loaded"),
    ("no_permission", 'root is not member of "render" group, the default DRM access group.'),
    ("gpu_in_use", "RuntimeError: HIP error: device busy"),
    ("host_memory", "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory."),
    ("host_memory", "numpy._ArrayMemoryError: Unable to allocate 12.0 GiB for an array with shape (1000,)"),
    ("shared_memory", "RuntimeError: unable to write to file </torch_71_8_0>: No space left on device (28)"),
    ("shared_memory", "RuntimeError: unable to allocate shared memory(shm) for file </torch_1>: Success (0)"),
    ("gpu_fault", "RuntimeError: HIP error: misaligned address"),
    ("wrong_gpu_image", "KeyError: 'gfx950'"),
    ("wrong_gpu_image", "ValueError: arch gfx950 not in supported list ['gfx942']"),
    ("wrong_gpu_image", "RuntimeError: This build supports gfx942 only, but the device is gfx950"),
    ("missing_build_tool", "subprocess.CalledProcessError: Command '['which', 'c++']' returned non-zero exit status 1."),
    ("version_conflict", "RuntimeError: operator torchvision::nms does not exist"),
    ("version_conflict", "RuntimeError: Detected that they were compiled with different CUDA major versions."),
    ("version_conflict", "Exception: flashinfer_python 0.2.0 is less than the minimum required version 0.5.0."),
    ("version_conflict", "AttributeError: 'Qwen2_5_VLConfig' object has no attribute 'vocab_size'"),
    ("version_conflict", "ValueError: Tokenizer class Qwen9Tokenizer does not exist or is not currently imported."),
    ("missing_module", "/usr/bin/python3: No module named sglang.launch_server"),
    ("missing_module", "OSError: libamdhip64.so.6: cannot open shared object file: No such file or directory"),
    ("no_access", "huggingface_hub.errors.HfHubHTTPError: 403 Forbidden: Authorization error."),
    ("model_not_found", "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1)"),
    ("model_not_found", "gguf_init_from_file: failed to open GGUF file '/models/x.gguf': No such file or directory"),
    ("offline", "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    ("offline", "CAS service error: HTTP status server error (503 Service Unavailable), domain: cas-server.hf.co"),
    ("broken_weights", "error loading model: tensor 'blk.1' is not within the file bounds, model is corrupted or incomplete"),
    ("no_room_for_kv_cache", "llama_kv_cache_init: failed to allocate buffer for kv cache"),
    ("context_too_long", "ValueError: Input length (140000 tokens) exceeds the maximum allowed length (127994 tokens)."),
    ("context_too_long", "the request exceeds the available context size, try increasing it"),
    ("port_in_use", "RuntimeError: Port 30000 is unavailable"),
    ("port_in_use", "couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080"),
    ("bad_flag", "error: unexpected argument '--foo' found"),
    ("bad_flag", "ValueError: Unknown attention backend: aiterx"),
    ("bad_parallel_size", "ValueError: tensor_parallel_size=3 does not divide the 28 attention heads evenly"),
    ("graph_capture_failed", "Exception: Capture cuda graph failed: HIP out of memory. Tried to allocate 2 GiB"),
    ("killed", "/bin/bash: line 1:  4123 Killed                  python -m sglang.launch_server"),
    ("no_room_for_kv_cache", "RuntimeError: Not enough memory to handle 4096 prefill tokens."),
    ("no_room_for_kv_cache", "failed to initialize the context: failed to allocate ROCm0 buffer for the KV cache"),
    ("no_room_for_kv_cache", "RuntimeError: Insufficient GPU memory for KV cache: need 12.0 GiB, have 3.1 GiB"),
    ("no_room_for_kv_cache", "Assertion failed: Cannot allocate enough memory for KV cache blocks"),
    ("weights_do_not_fit", "AssertionError: No enough gpu memory for runtime."),
    ("weights_do_not_fit", "Insufficient GPU memory error: 15872 MB, which is less than the sum of model weight size"),
    ("host_memory", "Error: model requires more system memory (52.1 GiB) than is available (31.0 GiB)"),
    ("host_memory", "systemd-oomd[512]: Killed /user.slice/x.scope due to memory pressure"),
    ("shared_memory", "RuntimeError: unable to mmap 120 bytes from file </torch_77_88_1>: Cannot allocate memory (12)"),
    ("shared_memory", "misc/shmutils.cc:87 NCCL WARN Call to ftruncate failed : No space left on device"),
    ("no_gpu", "RuntimeError: 0 active drivers ([]). There should only be one."),
    ("no_gpu", "RuntimeError: CUDA driver initialization failed, you might not have a CUDA gpu."),
    ("no_gpu", "ValueError: Current node has no GPU available. vLLM engine cannot start without GPU."),
    ("no_gpu", "/dev/kfd does not exist in this container"),
    ("too_few_gpus", "AssertionError: please set tensor_parallel_size (8) to less than max local gpu count (4)"),
    ("too_few_gpus", "Allocate failed due to requested number of devices unavailable for amd.com/gpu. Requested: 8"),
    ("too_few_gpus", "sbatch: error: Batch job submission failed: Requested node configuration is not available"),
    ("gpu_in_use", "RuntimeError: HIP error: all HIP-capable devices are busy or unavailable"),
    ("gpu_fault", "amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32770)"),
    ("wrong_gpu_image", "ValueError: Unsupported architecture: gfx1100"),
    ("wrong_gpu_image", "AssertionError: unknown GPU: gfx1036"),
    ("wrong_gpu_image", "'gfx1201' is not a recognized processor for this target (ignoring processor)"),
    ("wrong_gpu_image", "RuntimeError: FlashAttention only supports AMD MI200 GPUs or newer."),
    ("missing_build_tool", "subprocess.CalledProcessError: Command '['/usr/bin/which', 'c++']' returned non-zero exit status 1."),
    ("missing_build_tool", "error: command 'gcc' failed: No such file or directory"),
    ("missing_build_tool", "/usr/bin/env: 'hipcc': No such file or directory"),
    ("missing_build_tool", "CMake was unable to find a build program corresponding to 'Ninja'."),
    ("missing_build_tool", "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx"),
    ("missing_build_tool", "clang++: error: unable to execute command: Executable \"lld\" doesn't exist!"),
    ("missing_build_tool", "/usr/bin/ld: cannot find -lamdhip64: No such file or directory"),
    ("jit_build", "RuntimeError: [aiter] build [module_quant] under /opt/aiter/aiter/jit/build/module_quant failed !!!"),
    ("version_conflict", "ValueError: 'aimv2' is already used by a Transformers config, pick another name."),
    ("version_conflict", "ValueError: Unrecognized configuration class <class 'Qwen2_5_VLConfig'> for this kind of AutoModel"),
    ("version_conflict", "ValueError: Unknown RoPE scaling type mrope"),
    ("version_conflict", "ValueError: Qwen2_5_VLForConditionalGeneration has no vLLM implementation"),
    ("version_conflict", "AttributeError: 'Qwen2Tokenizer' object has no attribute 'all_special_tokens_extended'"),
    ("version_conflict", "TypeError: paged_attention_rocm() missing 1 required positional argument: 'fp8_out_scale'"),
    ("version_conflict", "AttributeError: _ARRAY_API not found"),
    ("context_too_long", "ValueError: Input length (40001) exceeds model's maximum context length (32768)"),
    ("context_too_long", "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
    ("collective_failed", "[Rank 3] Watchdog caught collective operation timeout: WorkNCCL(OpType=ALLREDUCE)"),
]  # fmt: skip


def test_every_cause_has_an_example_line():
    assert {sign.name for sign in signs()} <= {cause for cause, _ in LINES}


LOG_FORMATS = {
    "plain": "{}",
    "colour": "\x1b[31m\x1b[1m{}\x1b[0m\r",
    "rank": "[2026-01-09 12:00:00 TP3] {}",
    "compose": "vlnb_1  | {}",
    "kubernetes": "2026-01-09T12:00:00.123Z stderr F {}",
    "journal": "Jan  9 12:00:00 node1 docker[991]: {}",
    "quoted": "> {}",
    "srun": "3: {}",
    "mpirun": "[1,0]<stderr>:{}",
    "host": "gpu-node01: {}",
    "logging": "2026-01-09 12:00:00,123 ERROR {}",
    "loguru": "2026-01-09 12:00:00.123 | ERROR    | server:run:12 - {}",
    "glog": "E0109 12:00:00.123456 140 launcher.py:10] {}",
    "ray": "(RayWorkerWrapper pid=7, ip=10.0.0.1) {}",
    "pytest": "E       {}",
}


@pytest.mark.parametrize(("cause", "line"), LINES, ids=[f"{cause}-{i}" for i, (cause, _) in enumerate(LINES)])
def test_every_cause_is_recognised_in_every_log_format(cause, line):
    log = "[2026-01-09 11:59:59] server_args=ServerArgs(tp_size=8)\n{}\nReceived sigquit from a child process."
    for name, template in LOG_FORMATS.items():
        found = diagnose(log.format(template.format(line)))
        assert found[0].cause == cause, name
        assert line[:40] in found[0].line, name
        assert found[0].advice.endswith("."), name


def test_the_first_cause_is_listed_first_and_the_symptoms_last():
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


def test_a_cause_ranks_before_a_symptom_that_was_printed_earlier():
    log = "[rank1]: NCCL error: unhandled system error\n[TP0] RuntimeError: No HIP GPUs are available"
    assert [found.cause for found in diagnose(log)] == ["no_gpu", "collective_failed"]


PHASES = [
    (["Load weight begin. avail mem=191.05 GB"], "weights_do_not_fit"),
    (["Load weight begin. avail mem=191.05 GB", "Load weight end. avail mem=54 GB, mem usage=136.9 GB."], "no_room_for_kv_cache"),
    (["Load weight end. mem usage=17 GB.", "Capture cuda graph begin. This can take up to several minutes."], "graph_capture_failed"),
    (["Capture cuda graph begin.", "Capture cuda graph end. Time elapsed: 20 s", "fired up and ready to roll"], "out_of_memory"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "cause"), PHASES)
def test_out_of_memory_is_classified_by_its_phase(before, cause):
    assert diagnose("\n".join([*before, "HIP out of memory. Tried to allocate 1 GiB"]))[0].cause == cause


def test_not_enough_memory_is_classified_by_the_size_of_the_weights():
    begin, line = (
        "Load weight begin. avail mem=191.05 GB",
        "Not enough memory. Please try to increase --mem-fraction-static.",
    )
    large = "Load weight end. type=Qwen2_5_VL, avail mem=54.2 GB, mem usage=136.85 GB."
    small = "Load weight end. type=Qwen2_5_VL, avail mem=175.5 GB, mem usage=15.5 GB."
    assert diagnose("\n".join([begin, large, line]))[0].cause == "weights_do_not_fit"
    assert diagnose("\n".join([begin, small, line]))[0].cause == "no_room_for_kv_cache"
    medium = (
        "Load weight end. type=Qwen2_5_VL, avail mem=118.0 GB, mem usage=72.5 GB."  # less than half of what was free
    )
    assert diagnose("\n".join([begin, medium, line]))[0].cause == "no_room_for_kv_cache"
    assert diagnose("\n".join([begin, line]))[0].cause == "weights_do_not_fit"
    graphs = "Exception: Capture cuda graph failed: HIP out of memory. Tried to allocate 2 GiB"
    assert diagnose("\n".join([begin, small, graphs]))[0].cause == "graph_capture_failed"


BENIGN = [
    "[Gloo] Rank 3 is connected to 7 peer ranks. Expected number of connected peer ranks is : 7",
    "node1:310:412 [2] NCCL INFO Channel 00/0 : 2[2] -> 3[3] via P2P/IPC, no error",
    "If the server runs out of memory, a common cause is that other processes hold the GPU is busy state.",
    "Ignore import error when loading sglang.srt.multimodal.processors.inkling: No module named 'cutlass'",
    "NUMA auto balancing enabled which may hurt performance",
    "[aiter] start build [module_rmsnorm] under /root/.aiter/build",
    "UserWarning: Only CUDA, MUSA and NPU support GGUF quantization currently.",
    "KV pool holds 16384 tokens, fewer than --context-length 128000. One full-length request cannot fit",
    "torchaudio is not installed; audio inputs will fail at request time",
    "flash_attn is not installed, falling back to sdpa: ImportError: cannot import name 'flash_attn'",
    "INFO kv cache pool too small for prefix caching, disabled",
]


@pytest.mark.parametrize(
    ("log", "causes"),
    [
        ("OSError: [Errno 98] Address already in use: is another server running on port 8000?", ["port_in_use"]),
        ('RuntimeError: No HIP GPUs are available\nIs the server running on host "localhost"?', ["no_gpu"]),
        ("HIP out of memory.\n[ray] Dashboard server running at 127.0.0.1:8265", ["out_of_memory"]),
        ("Server listening on 0.0.0.0 port 22.\nValueError: something odd happened", ["unknown"]),
        ("sh: nvcc: command not found\nError building extension 'moe'", ["missing_build_tool", "jit_build"]),
        ("Error building extension 'moe'\nNo space left on device", ["jit_build", "disk_full"]),
        ("ImportError: no fallback available: install flash_attn", ["missing_module"]),
    ],
)
def test_a_line_about_something_else_hides_no_cause(log, causes):
    assert [found.cause for found in diagnose(log)] == causes


def test_a_successful_start_has_no_diagnosis():
    assert diagnose("\n".join([*BENIGN, "The server is fired up and ready to roll!"])) == []


def test_errors_before_a_successful_start_do_not_count():
    error = "RuntimeError: No HIP GPUs are available"
    success = "The server is fired up and ready to roll!"
    assert diagnose(f"{error}\n{success}") == []
    assert diagnose(f"{success}\n{error}")[0].cause == "no_gpu"
    assert diagnose(f"{success}\nKeyError: 'x'") == [], "of one request"


def test_the_end_of_application_startup_means_success_only_for_vllm():
    log = "(APIServer pid=9) INFO 04-02 10:00:00 [api_server.py:1] vLLM API server version 0.11.0\n{}"
    assert diagnose(log.format("(APIServer pid=9) INFO:     Application startup complete.")) == []
    unfinished = "[2026-01-09 12:00:00] server_args=ServerArgs()\nINFO:     Application startup complete.\nKilled"
    assert diagnose(unfinished)[0].cause == "killed", "SGLang's web server is up before the model has answered"
    failed = (
        "server_args=ServerArgs()\nRuntimeError: No HIP GPUs are available\nINFO:     Application startup complete."
    )
    assert diagnose(failed)[0].cause == "no_gpu"


def test_a_wait_for_a_build_counts_only_if_it_did_not_end():
    wait = "[aiter] waiting for baton release at /jit/build/lock_module_norm"
    assert diagnose(wait)[0].cause == "jit_build"
    assert diagnose(f"{wait}\n[aiter] finish build [module_norm], cost 28.0s\nKilled")[0].cause == "killed"
    assert diagnose(f"{wait}\nRuntimeError: No HIP GPUs are available")[0].cause == "no_gpu"
    failed = "[aiter] finish build [module_norm], cost 28.0s\n[aiter] failed jit build [module_norm]"  # on another rank
    assert diagnose(failed)[0].cause == "jit_build"


FRAMES = [
    ("/srt/model_executor/cuda_graph_runner.py", "capture_one_batch_size", "graph_capture_failed"),
    ("/srt/model_loader/loader.py", "load_model", "weights_do_not_fit"),
    ("/vllm/v1/worker/gpu_worker.py", "determine_available_memory", "no_room_for_kv_cache"),
    ("/srt/managers/scheduler.py", "run_batch", "out_of_memory"),
]


@pytest.mark.parametrize(("file", "function", "cause"), FRAMES)
def test_a_truncated_traceback_shows_the_phase(file, function, cause):
    frames = f'  File "{file}", line 512, in {function}\n    run_once()\n  File "torch/nn.py", line 1, in forward\n'
    oom = "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 512.00 MiB."
    assert diagnose(frames + oom)[0].cause == cause
    assert diagnose(f"{frames}{oom}\n{oom}")[0].cause == cause
    earlier = '  File "/srt/model_executor/cuda_graph_runner.py", line 9, in capture\nRuntimeError: HIP error: invalid argument'
    assert diagnose(f"{earlier}\n{frames}{oom}")[0].cause == cause


def test_a_hint_in_a_message_is_not_a_cause():
    log = "RuntimeError: Rank 1 died (exit code: -6). If exit code is -9 (SIGKILL), a common cause is the OOM killer."
    assert diagnose(log)[0].cause == "unknown"
    assert diagnose("error: boom. The process may have been killed by signal 9.")[0].cause == "unknown"
    assert diagnose("error: boom. Possible reasons: no space left on device, HIP out of memory.")[0].cause == "unknown"
    assert diagnose("error: boom. Check that the address is not: address already in use.")[0].cause == "unknown"
    assert diagnose("error: the model could not be loaded: No such file or directory: '/m/config.json'")[0].cause == (
        "model_not_found"
    )


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: HIP error: invalid argument",
        "libibverbs: Warning: couldn't load driver: librxe.so: cannot open shared object file: No such file",
        "INFO [utils.py:1] Port 8000 is already in use, trying port 8001",
        '127.0.0.1 - "GET /metrics HTTP/2" 403 Forbidden',
        "ValueError: image height 10 is less than the minimum 28",
        "https://huggingface.co/x: downloaded 504 of 729 files",
        "failed to open /etc/nccl.conf: No such file or directory",
        "RuntimeError: placeholder token not in video inputs",
        "apex: CUDA is not available. Skipping.",
        "[aiter] fmha asm: only gfx942 is supported, falling back to ck",
        "No model weights found in the local cache, downloading from the hub",
        '  File "/opt/venv/safetensors/torch.py", line 313, in error_if_missing',
        '    raise RuntimeError("invalid device function")',
        "RuntimeError: Engine core initialization failed. See root cause above.",
    ],
)
def test_a_line_that_only_resembles_a_cause_is_ignored(line):
    (found,) = diagnose(f"{line}\nFrobnicationError: the frob failed")
    assert found.cause == "unknown"


def test_memory_of_a_first_model_is_not_blamed_on_another_program():
    log = (
        "Load weight begin. avail mem=190.00 GB\nLoad weight end. mem usage=140 GB.\n"
        "Load weight begin. avail mem=50.00 GB\nLoad weight end. mem usage=2 GB.\nCapture cuda graph begin.\n"
        "torch.OutOfMemoryError: HIP out of memory. GPU 0 has a total capacity of 191.98 GiB"
    )
    assert diagnose(log)[0].cause == "graph_capture_failed"


def test_a_wrapping_error_after_a_symptom_is_not_the_first_cause():
    log = "RuntimeError: NCCL error: unhandled system error\nException: WorkerProc initialization failed. See stack trace."
    assert [found.cause for found in diagnose(log)] == ["collective_failed"]
    log = "RuntimeError: NCCL error: unhandled system error\nKeyError: 'rank 3'"
    assert [found.cause for found in diagnose(log)] == ["collective_failed"]


def test_an_unknown_error_is_listed_before_the_symptoms_that_follow():
    assert [found.cause for found in diagnose("ZeroDivisionError: x\nNo HIP GPUs are available")] == ["no_gpu"]
    assert [found.cause for found in diagnose("Exception: Engine core failed. See root cause\nKilled")] == ["killed"]
    diagnoses = diagnose("ZeroDivisionError: division by zero\nReceived sigquit from a child process.\nKilled")
    assert [(found.cause, found.line) for found in diagnoses] == [
        ("unknown", "ZeroDivisionError: division by zero"),
        ("killed", "Killed"),
    ]


def test_a_clients_wrong_key_is_not_a_problem_with_the_hub():
    access = 'INFO: 10.0.0.1:33 - "POST /v1/chat/completions HTTP/1.1" 401 Unauthorized'
    assert diagnose(f"sglang\nThe server is fired up and ready to roll!\n{access}") == []


def test_little_free_memory_before_the_weights_means_other_programs():
    start = "Load weight begin. avail mem={} GB\nHIP out of memory. GPU 0 has a total capacity of 191.98 GiB."
    assert diagnose(start.format("5.10"))[0].cause == "gpu_in_use"
    assert diagnose(start.format("190.95"))[0].cause == "weights_do_not_fit"


def test_the_largest_process_counts_as_ours_unless_the_message_names_ours():
    log = "HIP out of memory. GPU 0 has a total capacity of 191.98 GiB. Process 7 has {} GiB. Process 8 has {} GiB"
    assert diagnose(log.format(150, 20))[0].cause == "out_of_memory"
    assert diagnose(log.format(100, 80))[0].cause == "gpu_in_use"
    ours = ". Including non-PyTorch memory, this process has 100.00 GiB memory in use."
    assert diagnose(log.format(20, 40) + ours)[0].cause == "gpu_in_use"


def test_a_missing_device_explains_the_errors_that_follow():
    log = "Unable to open /dev/kfd read-write: Permission denied\nCall returned HSA_STATUS_ERROR_OUT_OF_RESOURCES: x"
    assert [found.cause for found in diagnose(log)] == ["no_permission"]
    log += "\nOSError: [Errno 98] address already in use"
    assert [found.cause for found in diagnose(log)] == ["no_permission", "port_in_use"]


@pytest.mark.parametrize(
    ("cause", "log"),
    [
        ("no_permission", "Unable to open /dev/kfd read-write: Permission denied\nFailed to infer device type"),
        ("disk_full", "No space left on device\nRuntimeError: Error building extension 'module_norm'"),
        ("disk_full", "No space left on device\nSafetensorError: MetadataIncompleteBuffer"),
    ],
)
def test_what_follows_from_a_cause_is_not_listed_beside_it(cause, log):
    assert [found.cause for found in diagnose(log)] == [cause]


@pytest.mark.parametrize(
    "line",
    [
        'time=2031-04-02T10:00:00.000Z level=INFO source=routes.go:1205 msg="Listening on [::]:11434 (version 0.5.7)"',
        "I0402 10:00:00.000000 1 http_server.cc:4704] Started HTTPService at 0.0.0.0:8000",
        "2031-04-02T10:00:09.0Z  INFO text_generation_router::server: router/src/server.rs:2430: Connected",
        "INFO:     Uvicorn running on http://127.0.0.1:8080 (Press CTRL+C to quit)",
        "[2031-04-02 10:00:00][INFO] Success! HTTP server listening on port 1234",
    ],
)
def test_a_successful_start_of_another_server_has_no_diagnosis(line):
    assert diagnose(f"an error of no weight\n{line}") == []


def test_an_unknown_error_during_graph_capture_is_a_failed_capture():
    log = "Capture cuda graph begin. avail mem=60.00 GB\nTypeError: cannot unpack non-iterable Metadata object\nKilled"
    diagnoses = diagnose(log)
    assert [found.cause for found in diagnoses] == ["graph_capture_failed", "killed"]
    assert "--disable-cuda-graph" in diagnoses[0].advice


def test_an_unknown_cause_quotes_the_inner_error():
    log = """ERROR 04-02 10:00:00 [core.py:5] Traceback (most recent call last):
ERROR 04-02 10:00:00 [core.py:5]   File "/opt/error.py", line 6, in run
ERROR 04-02 10:00:00 [core.py:5] RuntimeError: the plug-in refused the tensor layout
The above exception was the direct cause of the following exception:
RuntimeError: Engine core initialization failed. See root cause above."""
    assert diagnose(log)[0].line == "RuntimeError: the plug-in refused the tensor layout"
    log = 'fatal: no plug-in\nDuring handling of the above exception:\n  File "/opt/error.py", line 6, in run\nDone.'
    assert diagnose(log)[0].line == "fatal: no plug-in"
    assert diagnose("Loading.\nDone.")[0].line == "Done."


def test_binary_data_is_no_log_unless_a_line_tells_of_an_error():
    assert str(diagnose("\ufffd\ufffdELF\ufffd\ufffd")[0]).endswith("give the text that the server wrote.")
    assert str(diagnose("error: \ufffd\ufffd\ufffd")[0]).endswith("\n  read from: error: \ufffd\ufffd\ufffd")


def test_benign_lines_are_not_causes():
    (found,) = diagnose(
        "\n".join([*BENIGN, "Traceback (most recent call last):", "FrobnicationError: the frob failed"])
    )
    assert found.cause == "unknown"
    assert found.line == "FrobnicationError: the frob failed"
    assert "No sign matches" in found.advice


@pytest.mark.parametrize("log", ["", "\n \n"])
def test_an_empty_log_is_reported(log):
    assert "log is empty" in diagnose(log)[0].advice


@given(st.text(max_size=400))
def test_any_text_can_be_diagnosed(text):
    for found in diagnose(text):
        assert found.cause
        assert len(found.line) <= 300


def test_clean_removes_prefixes_and_colours_from_a_log_line():
    for template in LOG_FORMATS.values():
        assert clean(template.format("Killed")).endswith("Killed")


REAL = sorted(LOGS.glob("*.log"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_logs_are_diagnosed_by_their_cause(path):
    """Each file is a real log of SGLang 0.5.23, named after the fault provoked in it; only paths were removed."""
    expected = path.stem.split("-")[0]
    found = diagnose(path.read_text())
    assert (found[0].cause if found else "sound") == expected
