"""What every training shares: schedule, weight average, and tensors on disk without pickle."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from medx.core.errors import CheckpointError
from medx.core.files import atomic_path

WARM_UP_SHARE = 0.3
START_SHARE, END_SHARE = 1 / 25, 1e-4


def one_cycle(step: int, total: int, peak: float) -> float:
    """Return the learning rate of a step: cosine up, then cosine down (Smith 2018)."""
    warm_up = max(1.0, WARM_UP_SHARE * total)
    if step < warm_up:
        return peak * _between(START_SHARE, 1.0, step / warm_up)
    return peak * _between(1.0, END_SHARE, (step - warm_up) / max(1.0, total - warm_up))


def warm_cosine(step: int, total: int, peak: float, warm_up: float) -> float:
    """Return the learning rate of a step: a straight line up, then cosine down.

    Args:
        step: From 0.
        total: Steps of the training.
        peak: The highest rate.
        warm_up: Steps until it is reached; at most all of them count.
    """
    warm_up = min(warm_up, float(total))
    if step < warm_up:
        return peak * (step + 1) / (warm_up + 1)
    return peak * _between(1.0, END_SHARE, (step - warm_up) / max(1.0, total - warm_up))


def save_tensors(
    path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors as safetensors, atomically and independent of device and layout."""
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata=metadata)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors.

    Raises:
        CheckpointError: When the file is missing, truncated or of another kind.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: the run did not finish?") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged: {error}", hint="train again") from error


def training_tensors(
    network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Return all tensors that an exact resume needs."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(v) for k, v in values.items()}
    return tensors


def restore_training(
    tensors: dict[str, Tensor],
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Put ``training_tensors`` back; raise what torch raises when they are of another network."""
    network.load_state_dict(_below("network.", tensors))
    average.load_state_dict(_below("average.", tensors))
    held: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        held.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": held, "param_groups": groups})


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network``; young averages forget their start faster."""
    share = 1.0 - min(decay, (1 + step) / (10 + step))
    latest = network.state_dict()
    for name, held in average.state_dict().items():
        if held.is_floating_point():
            held.lerp_(latest[name], share)
        else:
            held.copy_(latest[name])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * min(share, 1.0))) / 2.0
