"""What SGLang needs to run on a machine without a GPU from the packages of the registry, whose builds are for CUDA.

Imported at every start of the engine's own Python (by a .pth file). For tests only.

- torchvision looks its compiled operators up when it is imported: two of them are declared here, without a kernel.
- torchvision's decoder of pictures, which `transformers serve` uses, is one of those operators: Pillow stands in.
- sgl_kernel is taken from the module below: plain torch for the one helper that is called, nothing for the rest.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types

DECLARED = {
    "torchvision": [
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ],
    "sgl_kernel": [
        f"{name}(Tensor a, Tensor b) -> Tensor"
        for name in (
            "fused_sigmoid_mul_cpu",
            "fused_moe_router_cpu",
            "fused_qkvzba_split_reshape_cat_contiguous_cpu",
            "fused_qk_gemma_rmsnorm_with_gate_cpu",
            "fused_qk_gemma_rmsnorm_cpu",
        )
    ],
}
_libraries = []  # kept: a torch library that is collected takes its declarations with it


def declare(namespace: str) -> None:
    """Declare a package's operators to torch, so that importing it does not fail."""
    import torch

    library = torch.library.Library(namespace, "DEF")
    for schema in DECLARED[namespace]:
        library.define(schema)
    _libraries.append(library)


def assign_req_to_token_pool_cpu(requests, pool, starts, ends, places, _width):
    """Write each request's new cache places into its row of the pool, from `starts` to `ends`."""
    taken = 0
    for row, start, end in zip(requests.tolist(), starts.tolist(), ends.tolist(), strict=True):
        count = end - start
        pool[row, start:end] = places[taken : taken + count].to(pool.dtype)
        taken += count


def decode_image(data, mode=None):
    """Decode a picture (bytes in a tensor, or a path) to a tensor of height, width and colours, as RGB."""
    import io

    import numpy as np
    import torch
    from PIL import Image

    picture = Image.open(data if isinstance(data, str) else io.BytesIO(data.numpy().tobytes())).convert("RGB")
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


class Kernels(types.ModuleType):
    """Stands in for sgl_kernel: any name can be imported, and only the helper above can be called."""

    assign_req_to_token_pool_cpu = staticmethod(assign_req_to_token_pool_cpu)
    __version__ = "0.0.0+cpu.tests"
    __path__: list[str] = []

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)

        def absent(*_, **__):
            raise RuntimeError(f"sgl_kernel.{name} has no stand-in for the CPU")

        return absent


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for sgl_kernel, and declares torchvision's operators just before they are looked up."""

    def __init__(self) -> None:
        self.declared = False

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision._meta_registrations" and not self.declared:
            self.declared = True
            declare("torchvision")
        if name == "transformers.image_utils":  # it takes the name from there
            import torchvision.io

            torchvision.io.decode_image = decode_image
        if name == "sgl_kernel":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        declare("sgl_kernel")
        return Kernels(spec.name)

    def exec_module(self, module) -> None:
        """Nothing is left to run."""


sys.meta_path.insert(0, Finder())
