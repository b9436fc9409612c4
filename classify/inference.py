"""A network over many images: logits and features, batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from classify.data import as_unit, normalise
from classify.model import Network

Floats = npt.NDArray[np.float32]


def compute_logits(
    network: Network,
    pixels: Tensor,
    *,
    mean: Tensor,
    std: Tensor,
    horizontal_flip: bool,
    batch_size: int,
) -> Floats:
    """Return logits ``(N, C)``, averaged over each image and its mirror image when asked.

    Args:
        network: In eval mode or not; it is used in eval mode.
        pixels: ``uint8`` ``(N, channels, S, S)``.
        mean: By channel, of pixels as 0 to 1.
        std: By channel.
        horizontal_flip: Average over both views.
        batch_size: Images at a time.
    """

    def logits(inputs: Tensor) -> Tensor:
        plain: Tensor = network(inputs)
        return (plain + network(inputs.flip(-1))) / 2 if horizontal_flip else plain

    return _over_batches(network, logits, pixels, mean=mean, std=std, batch_size=batch_size)


def compute_features(
    network: Network, pixels: Tensor, *, mean: Tensor, std: Tensor, batch_size: int
) -> Floats:
    """Return pooled features ``(N, D)`` of ``uint8`` pixels ``(N, channels, S, S)``."""
    return _over_batches(
        network, network.features, pixels, mean=mean, std=std, batch_size=batch_size
    )


@torch.inference_mode()
def _over_batches(
    network: Network,
    function: Callable[[Tensor], Tensor],
    pixels: Tensor,
    *,
    mean: Tensor,
    std: Tensor,
    batch_size: int,
) -> Floats:
    was_training = network.training
    network.eval()
    parts = []
    for batch in torch.split(pixels, batch_size):
        inputs = normalise(as_unit(batch.to(mean.device)), mean, std)
        parts.append(function(inputs).float().cpu().numpy())
    network.train(was_training)
    return np.concatenate(parts)
