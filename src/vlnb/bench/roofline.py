"""The hardware's lower bound on TPOT, from memory bandwidth."""

from __future__ import annotations

from vlnb import catalog
from vlnb.errors import BadInput


def bound(gpu: str, size: str, gpus: int) -> float:
    """Return the lower bound on TPOT in seconds: each token reads every weight once, at full memory bandwidth.

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
