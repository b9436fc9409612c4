"""Several processes on one training: each takes a share.

Every process draws the same random numbers for the whole batch and computes its own rows of it;
gradients are summed, so that all hold the same weights after each step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, distributed, nn

from medx.core.processes import from_all, rank, world_size


def my_rows(count: int) -> slice:
    """Return which of ``count`` rows this process computes."""
    return slice(count * rank() // world_size(), count * (rank() + 1) // world_size())


def sum_gradients(network: nn.Module) -> None:
    """Add up the gradients of all processes, in all of them."""
    if world_size() == 1:
        return
    _reduce([p.grad for p in network.parameters() if p.grad is not None])


def average_statistics(network: nn.Module) -> None:
    """Make running statistics (batch norm's) the mean over all processes."""
    if world_size() == 1:
        return
    floating = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    _reduce(floating)
    for buffer in floating:
        buffer.div_(world_size())


def total(value: float) -> float:
    """Return the sum of a number over all processes."""
    if world_size() == 1:
        return value
    held = torch.tensor(value, dtype=torch.float64)
    distributed.all_reduce(held)
    return float(held)


def join_rows(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the rows of all processes, in the order of ``my_rows``."""
    return rows if world_size() == 1 else np.concatenate(from_all(rows))


def _reduce(tensors: list[Tensor]) -> None:
    if not tensors:
        return
    # One message instead of one a tensor.
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))
