"""Several processes on one piece of work, as torchrun or accelerate start them.

All run the same command. Each takes its share; the first alone speaks and writes results.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from medx.core import console
from medx.core.errors import InputError, MedxError

T = TypeVar("T")

LONGEST_WAIT = timedelta(hours=2)


def world_size() -> int:
    """Return how many processes work together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return which of them this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def processes_here() -> int:
    """Return how many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", str(world_size())))


def is_main() -> bool:
    """Return True in the process that writes."""
    return rank() == 0


def join_processes(longest_wait: timedelta = LONGEST_WAIT) -> None:
    """Find the other processes; nothing when there are none.

    Args:
        longest_wait: How long one may wait for another before it gives up.

    Raises:
        InputError: When they cannot be reached.
    """
    if world_size() == 1:
        return
    import torch
    from torch import distributed

    if distributed.is_initialized():
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        distributed.init_process_group(backend, timeout=longest_wait)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"cannot reach the other {world_size() - 1} processes: {str(error).splitlines()[0]}",
            hint="start them with torchrun, or unset WORLD_SIZE to work in one",
        ) from error
    atexit.register(_leave)
    console.stderr.quiet = not is_main()


def take_own_gpu() -> None:
    """Make ``cuda`` mean another GPU in each process of a machine."""
    if world_size() == 1:
        return
    import torch

    if torch.cuda.is_available():
        local = int(os.environ.get("LOCAL_RANK", "0"))
        torch.cuda.set_device(local % torch.cuda.device_count())


def from_main(make: Callable[[], T]) -> T:
    """Return, in every process, what ``make`` returns in the first, or raise what it raises."""
    if world_size() == 1:
        return make()
    join_processes()
    from torch import distributed

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


def from_all(value: T) -> list[T]:
    """Return, in every process, the values of all, by rank."""
    if world_size() == 1:
        return [value]
    from torch import distributed

    values = [value] * world_size()
    distributed.all_gather_object(values, value)
    return values


def wait_for_all() -> None:
    """Return once every process has come this far."""
    if world_size() > 1:
        from torch import distributed

        distributed.barrier()


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
