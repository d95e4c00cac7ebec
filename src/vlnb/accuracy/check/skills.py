"""What the vision check looks at: each skill, what a low part means, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_PIXELS = '--mm-process-config \'{"image":{"min_pixels":3136,"max_pixels":12845056}}\''
_LOSSY = "ROCM_QUICK_REDUCE_QUANTIZATION=NONE (AMD's images all-reduce in INT8, which loses precision)"


@dataclass(frozen=True)
class Skill:
    """One part of the check; `low` says what a low part means, `cure` what to try (flags are SGLang's)."""

    name: str
    title: str
    low: str
    cure: str


SKILLS: Mapping[str, Skill] = MappingProxyType(
    {
        skill.name: skill
        for skill in (
            Skill(
                "seen", "reads a code",
                "The pictures do not reach the model, or its vision tower is broken.",
                "Look for the chat template and the multimodal processor in the server's log; "
                "then try --mm-attention-backend triton_attn.",
            ),
            Skill(
                "order", "knows which picture is which",
                "Pictures are mixed up on their way, or the model loses count of them.",
                "Send fewer pictures at once; number them in the text.",
            ),
            Skill(
                "places", "boxes stand where things are",
                "Coordinates come in another size than that of the picture sent, or grounding is weak.",
                f"Keep the server from resizing again: {_PIXELS}; see 05_grounding.",
            ),
            Skill(
                "fine print", "reads small letters",
                "Pictures are made smaller on the way, or precision is lost in the vision tower.",
                f"{_PIXELS}; {_LOSSY}.",
            ),
            Skill(
                "upright", "turns photographs upright (EXIF)",
                "The server ignores a photograph's orientation. vlnb turns pictures itself before it sends them.",
                "With another client, turn pictures before sending: PIL.ImageOps.exif_transpose.",
            ),
            Skill(
                "transparency", "puts transparent pictures on white",
                "The server drops transparency: what lies under it shows. vlnb flattens pictures itself.",
                "With another client, paste transparent pictures on white before sending.",
            ),
            Skill(
                "counting", "counts things",
                "Weak vision: a small model, heavy quantisation, or lost precision.",
                f"A larger model; {_LOSSY}.",
            ),
            Skill(
                "colour", "names colours",
                "Channels swapped (red for blue) or normalisation wrong in the processor.",
                "Compare the processor's mean and std with the checkpoint's preprocessor_config.json.",
            ),
            Skill(
                "sides", "tells left from right",
                "Position is lost: rotary embeddings or the vision attention back end.",
                "--mm-attention-backend triton_attn; another SGLang version.",
            ),
            Skill(
                "charts", "reads a value off a chart",
                "Fine positions are lost, or the model is small.",
                f"A larger model or picture; {_LOSSY}.",
            ),
            Skill(
                "tables", "finds a cell in a table",
                "Rows or columns are confused: as for charts.",
                f"A larger model or picture; {_LOSSY}.",
            ),
            Skill(
                "schema", "obeys a JSON schema",
                "response_format is ignored: the grammar back end is off, or a proxy drops the field.",
                "--grammar-backend xgrammar, with --constrained-json-disable-any-whitespace.",
            ),
            Skill(
                "twice", "answers the same twice",
                "At temperature 0 answers differ: batch-dependent kernels, or lossy reductions.",
                f"{_LOSSY}; --disable-radix-cache to rule the cache out.",
            ),
            Skill(
                "usage", "counts a picture's tokens as expected",
                "The server resizes pictures to another size, does not count them, or never saw them.",
                _PIXELS,
            ),
        )
    }
)  # fmt: skip
