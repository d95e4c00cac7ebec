"""What the hardware allows: the lower bound on TPOT by memory bandwidth, and the price of pictures."""

from __future__ import annotations

from dataclasses import dataclass

from vlnb import catalog
from vlnb.errors import BadInput


@dataclass(frozen=True)
class Bound:
    """The shortest TPOT possible, in seconds: every weight is read once per token, at full memory bandwidth."""

    tpot_s: float

    def share(self, tpot_s: float) -> float:
        """Return which share of the bound a measured TPOT reaches, 0 to 1. Raises `BadInput` unless it is positive."""
        if tpot_s <= 0:
            raise BadInput(f"tpot_s={tpot_s} must be greater than 0 seconds.")
        return self.tpot_s / tpot_s


def bound(gpu: str, size: str, gpus: int) -> Bound:
    """Return the bound for a model whose weights are split over the GPUs; no real server reaches it.

    Source: the peak figures of the data sheets in `catalog`. Raises `BadInput` for unknown names.
    """
    if gpu not in catalog.GPUS or size not in catalog.MODELS or gpus < 1:
        raise BadInput(
            f"{gpus} × {gpu} with {size} is not known. GPUs: {', '.join(catalog.GPUS)}; sizes:"
            f" {', '.join(catalog.MODELS)}; at least one GPU."
        )
    return Bound(catalog.MODELS[size].weight_bytes / (gpus * catalog.GPUS[gpu].memory_tb_s * 1e12))


def cost_per_thousand(dollars_per_hour: float, pictures_per_s: float) -> float:
    """Return the price of a thousand pictures, given the server's price per hour.

    Raises `BadInput` for a negative price or a rate of 0 or less.
    """
    if dollars_per_hour < 0 or pictures_per_s <= 0:
        raise BadInput("The price must not be negative, and the rate must be greater than 0 pictures per second.")
    return dollars_per_hour / 3600 / pictures_per_s * 1000
