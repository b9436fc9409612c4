"""Which processor does the work, and what is repeatable on it."""

from __future__ import annotations

from enum import Enum
from typing import Any


class Device(str, Enum):
    """Values of ``--device``."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


def resolve_device(device: str) -> str:
    """Return ``cpu``, ``cuda`` or ``mps`` for a ``--device`` value.

    Raises:
        InputError: When the named device is not on this machine.
    """
    import torch

    from medx.core.errors import InputError

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": _has_mps()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present.get(device, False):
        raise InputError(f"no {device} device on this machine", hint="use --device cpu")
    return device


def resolve_precision(precision: str, device: str) -> str:
    """Return ``fp32``, ``bf16`` or ``fp16`` for a ``--precision`` value.

    ``auto`` is bf16 where ``device`` computes with it faster than with fp32: GPUs since Ampere,
    processors with AMX or AVX-512 BF16. On others bf16 is emulated, several times slower.

    Args:
        precision: Those three or ``auto``.
        device: ``cpu``, ``cuda`` or ``mps``.
    """
    import torch

    if precision != "auto":
        return precision
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    native = device == "cpu" and any(able.get(name) for name in ("amx_bf16", "avx512_bf16"))
    return "bf16" if native else "fp32"


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch and ask torch for deterministic kernels."""
    import os
    import random

    import numpy as np
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


def _has_mps() -> bool:
    import torch

    return bool(torch.backends.mps.is_available())
