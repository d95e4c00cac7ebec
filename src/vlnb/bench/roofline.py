"""What the hardware would allow: bounds on time per token and on reading a prompt, by memory and by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from vlnb import catalog
from vlnb.errors import BadInput


@dataclass(frozen=True)
class Bound:
    """The best that `gpus` GPUs could do with a model, in seconds; no server reaches it.

    `tpot_s`: every weight is read once a token, at the full bandwidth of all GPUs. `prefill_s_per_token`: two
    operations a weight and token, at the full BF16 rate. Source: peak figures of the data sheets in `catalog`.
    """

    gpu: str
    gpus: int
    model: str
    tpot_s: float
    prefill_s_per_token: float

    def share(self, tpot_s: float) -> float:
        """Return which share of the bound a measured time per output token reaches, 0 to 1."""
        if tpot_s <= 0:
            raise BadInput(f"tpot_s={tpot_s} must be over 0 seconds.")
        return self.tpot_s / tpot_s


def bound(gpu: str, size: str, gpus: int) -> Bound:
    """Return the bound of a model size on so many GPUs that share its weights. Raises `BadInput` for unknown names."""
    if gpu not in catalog.GPUS or size not in catalog.MODELS or gpus < 1:
        raise BadInput(
            f"{gpus} × {gpu} with {size} is not known: GPUs are {', '.join(catalog.GPUS)}, sizes"
            f" {', '.join(catalog.MODELS)}, and at least one GPU is needed."
        )
    hardware, model = catalog.GPUS[gpu], catalog.MODELS[size]
    return Bound(
        gpu,
        gpus,
        size,
        model.weight_bytes / (gpus * hardware.memory_tb_s * 1e12),
        2 * model.parameters / (gpus * hardware.bf16_tflops * 1e12),
    )


def cost_per_thousand(dollars_per_hour: float, pictures_per_s: float) -> float:
    """Return what a thousand pictures cost at a price of the whole server an hour."""
    if dollars_per_hour < 0 or pictures_per_s <= 0:
        raise BadInput("The price must not be negative, and some pictures a second must be served.")
    return dollars_per_hour / 3600 / pictures_per_s * 1000
