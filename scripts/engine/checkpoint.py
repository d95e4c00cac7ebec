"""Make a checkpoint with the architecture of Qwen2.5-VL, tiny and with random weights, for tests of a real server.

    python checkpoint.py QWEN_TIKTOKEN FOLDER DEPTH

QWEN_TIKTOKEN is Qwen's vocabulary in tiktoken's form (the package dashscope carries it). Nothing is downloaded. The
model's answers are noise; its tokenizer, picture sizes and token counts are those of the real one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)
from transformers.convert_slow_tokenizer import TikTokenConverter

# Qwen's tokens after its 151,643 words, in their order.
SPECIAL = [f"<|{name}|>" for name in (
    "endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end"
    " vision_start vision_end vision_pad image_pad video_pad"
).split()]  # fmt: skip
PLAIN = ["<tool_call>", "</tool_call>"]
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT = """{%- for message in messages -%}
{%- if loop.first and message.role != 'system' -%}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif -%}
<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content -%}
{%- if part.type in ('image', 'image_url') -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type in ('video', 'video_url') -%}<|vision_start|><|video_pad|><|vision_end|>
{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor %}{% endif %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""


def main(vocabulary: str, folder: str, depth: int) -> None:
    """Write the checkpoint."""
    converted = TikTokenConverter(vocab_file=vocabulary, pattern=WORDS, extra_special_tokens=SPECIAL).converted()
    converted.add_tokens(PLAIN)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=converted, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=131_072
    )
    identity = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    assert identity["<|endoftext|>"] == 151_643, identity
    pixels = {"min_pixels": 3_136, "max_pixels": 12_845_056}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**pixels),
        video_processor=Qwen2VLVideoProcessor(),
        tokenizer=tokenizer,
        chat_template=CHAT,
    )
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 1, "vocab_size": 151_936, "max_position_embeddings": 128_000,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": [4, 6, 6]},
            "bos_token_id": 151_643, "eos_token_id": 151_645,
        },
        vision_config={
            "depth": depth, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "out_hidden_size": 64,
            "fullatt_block_indexes": [depth - 1],
        },
        image_token_id=identity["<|image_pad|>"], video_token_id=identity["<|video_pad|>"],
        vision_start_token_id=identity["<|vision_start|>"], vision_end_token_id=identity["<|vision_end|>"],
        tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = [151_645, 151_643]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    # SGLang reads the text model's shape from the top of config.json, where older versions of transformers put it.
    path = Path(folder) / "config.json"
    nested = json.loads(path.read_text())
    path.write_text(json.dumps({**nested["text_config"], **nested, "model_type": "qwen2_5_vl"}, indent=1))
    # SGLang loads a tokenizer of the general class three times, and one of the real checkpoint's class once.
    path = Path(folder) / "tokenizer_config.json"
    named = json.loads(path.read_text())
    del named["backend"]
    path.write_text(json.dumps({**named, "tokenizer_class": "Qwen2Tokenizer"}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:3], int(sys.argv[3]))
