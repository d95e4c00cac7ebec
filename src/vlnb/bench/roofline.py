"""What the hardware allows: the lower bound on TPOT by memory bandwidth, and the price of pictures."""

from __future__ import annotations

from vlnb import catalog
from vlnb.errors import BadInput


def bound(gpu: str, size: str, gpus: int) -> float:
    """Return the shortest possible TPOT in seconds: each token needs every weight once, at full memory bandwidth.

    The weights are split over the GPUs. No real server reaches the bound. Source: the peak figures of the data sheets
    in `catalog`. Raises `BadInput` for an unknown GPU or size, or fewer than one GPU.

    >>> print(f"{1000 * bound('MI300X', '72B', 8):.2f} ms")
    3.46 ms
    """
    if gpu not in catalog.GPUS or size not in catalog.MODELS or gpus < 1:
        raise BadInput(
            f"{gpus} × {gpu} with {size} is not known. GPUs: {', '.join(catalog.GPUS)}; sizes:"
            f" {', '.join(catalog.MODELS)}; at least one GPU."
        )
    return catalog.MODELS[size].weight_bytes / (gpus * catalog.GPUS[gpu].memory_tb_s * 1e12)


def cost_per_thousand(dollars_per_hour: float, pictures_per_s: float) -> float:
    """Return the price of a thousand pictures in dollars, given the price of the whole server per hour.

    Raises `BadInput` for a negative price, or for a rate of 0 or less.

    >>> cost_per_thousand(36.0, 2.0)
    5.0
    """
    if dollars_per_hour < 0 or pictures_per_s <= 0:
        raise BadInput("The price must not be negative, and the rate must be greater than 0 pictures per second.")
    return dollars_per_hour / 3600 / pictures_per_s * 1000
