"""What an SGLang server says of its own settings: the fields that explain a measurement, and no others."""

from __future__ import annotations

import json
from typing import Any

from vlnb.endpoint.resolve import look_up
from vlnb.errors import VlnbError

# A list of what is known to be harmless: secrets turn up under any name (`launch_command: … --api-key …`, `hf_auth`).
# Names: SGLang's ServerArgs, versions 0.5.6 and 0.5.23, and what /get_server_info adds to them.
FIELDS = frozenset(
    "version model_path served_model_name revision dtype quantization kv_cache_dtype context_length tp_size dp_size"
    " pp_size ep_size nnodes mem_fraction_static max_running_requests max_queued_requests max_total_tokens"
    " max_total_num_tokens max_prefill_tokens chunked_prefill_size page_size schedule_policy schedule_conservativeness"
    " device attention_backend prefill_attention_backend decode_attention_backend mm_attention_backend"
    " sampling_backend grammar_backend disable_radix_cache disable_cuda_graph cuda_graph_max_bs enable_torch_compile"
    " enable_multimodal enable_mixed_chunk disable_overlap_schedule speculative_algorithm speculative_num_steps"
    " speculative_num_draft_tokens stream_interval random_seed tokenizer_mode chat_template skip_server_warmup"
    " constrained_json_disable_any_whitespace watchdog_timeout".split()
)
_VALUE_CHARS = 300


def server_info(base_url: str) -> dict[str, Any]:
    """Return the known settings that the server reports at `/get_server_info`; {} where it reports none.

    Asks without a key, within 1 MB and 5 s. Never raises.
    """
    try:
        answer = look_up(base_url.rstrip("/").removesuffix("/v1"), "/get_server_info")
        told = json.loads(answer.body) if answer.status == 200 else {}
    except (VlnbError, ValueError, RecursionError):
        return {}
    return {name: value for name, value in told.items() if _is_plain(name, value)} if isinstance(told, dict) else {}


def _is_plain(name: str, value: object) -> bool:
    if name not in FIELDS:
        return False
    if isinstance(value, str):
        return len(value) <= _VALUE_CHARS and "@" not in value and "?" not in value  # an address with a secret in it
    return isinstance(value, int | float)
