"""Several processes on one training, as torchrun or accelerate start them: each takes a share.

Every process draws the same random numbers for the whole batch and computes its own rows of it;
gradients are summed, so that all hold the same weights after each step. The first alone writes.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, distributed, nn

from medx.core import console
from medx.core.errors import InputError, MedxError

T = TypeVar("T")

LONGEST_WAIT = timedelta(hours=2)


def world_size() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return which of them this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Return True in the process that writes."""
    return rank() == 0


def join_processes() -> None:
    """Find the other processes; nothing when there are none.

    Raises:
        InputError: When they cannot be reached.
    """
    if world_size() == 1 or distributed.is_initialized():
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"cannot reach the other {world_size() - 1} processes: {str(error).splitlines()[0]}",
            hint="start them with torchrun, or unset WORLD_SIZE to train in one",
        ) from error
    atexit.register(_leave)
    console.stderr.quiet = not is_main()


def from_main(make: Callable[[], T]) -> T:
    """Return, in every process, what ``make`` returns in the first, or raise what it raises."""
    if world_size() == 1:
        return make()
    join_processes()
    answer: list[Any] = [None, "an interrupt"]
    try:
        if is_main():
            answer = [make(), None]
    except Exception as error:
        answer[1] = str(error)
        raise
    finally:
        distributed.broadcast_object_list(answer)
    if answer[1] is not None:
        raise MedxError(f"the first process failed: {answer[1]}")
    made: T = answer[0]
    return made


def wait_for_all() -> None:
    """Return once every process has come this far."""
    if world_size() > 1:
        distributed.barrier()


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
    if world_size() == 1:
        return rows
    parts: list[npt.NDArray[np.float32]] = [rows] * world_size()
    distributed.all_gather_object(parts, rows)
    return np.concatenate(parts)


def _reduce(tensors: list[Tensor]) -> None:
    if not tensors:
        return
    # One message instead of one a tensor.
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
