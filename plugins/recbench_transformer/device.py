"""Choose the device and the number type to compute with."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

import recbench


def choose_device(name: str) -> torch.device:
    """Return the device of this name; "auto" is cuda if available, else mps if it works, else cpu.

    Raises UsageError for a device that this machine does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if _mps_works() else "cpu")
    device = torch.device(name)
    available = {
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type, True):
        raise recbench.UsageError(f"transformer: this machine has no device {name}. Use device=cpu")
    return device


def _mps_works() -> bool:
    """Whether mps has all operations that training needs; some versions of torch miss a few."""
    if not torch.backends.mps.is_available():
        return False
    try:
        x = torch.zeros(1, 1, 4, 8, device="mps", requires_grad=True)
        hidden = functional.scaled_dot_product_attention(x, x, x, is_causal=True).flatten(0, 2)
        mask = torch.ones(4, dtype=torch.bool, device="mps")
        functional.cross_entropy(
            hidden[mask], torch.zeros(4, dtype=torch.long, device="mps")
        ).backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, NotImplementedError):
        return False
    return True


def matmul_dtype(device: torch.device) -> torch.dtype:
    """Return the fastest type for matrix products: bfloat16 if the hardware supports it."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    get_capabilities: Callable[[], dict[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    has = get_capabilities() if device.type == "cpu" else {}
    has_bfloat16 = has.get("avx512_bf16") or has.get("amx_bf16") or has.get("bf16")
    return torch.bfloat16 if has_bfloat16 else torch.float32
