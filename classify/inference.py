"""A network over many images: logits and features, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from classify.data import as_unit, normalise
from classify.model import Network

Floats = npt.NDArray[np.float32]

#: Shifts are whole pixels up to about this side, and as long a share of the image above it.
SHIFT_SIDE = 28
ZOOMS = (0.95, 1.05)

#: Up to so many images pass the network with all their views at once: calls cost more than sums.
FEW = 4


def compute_logits(
    network: Network,
    pixels: Tensor,
    *,
    mean: Tensor,
    std: Tensor,
    tta: str,
    batch_size: int,
) -> Floats:
    """Return logits ``(N, C)``, averaged over the views of each image that ``tta`` names.

    Args:
        network: In eval mode or not; it is used in eval mode.
        pixels: ``uint8`` ``(N, channels, S, S)``.
        mean: By channel, of pixels as 0 to 1.
        std: By channel.
        tta: ``none``, ``mirror`` or ``shifts``.
        batch_size: Images at a time.
    """

    def logits(inputs: Tensor) -> Tensor:
        if len(inputs) <= FEW:
            seen = list(views(inputs, tta))
            stacked: Tensor = network(torch.cat(seen))
            return stacked.reshape(len(seen), len(inputs), -1).mean(dim=0)
        return torch.stack([network(view) for view in views(inputs, tta)]).mean(dim=0)

    return _over_batches(network, logits, pixels, mean=mean, std=std, batch_size=batch_size)


def compute_features(
    network: Network, pixels: Tensor, *, mean: Tensor, std: Tensor, batch_size: int
) -> Floats:
    """Return pooled features ``(N, D)`` of ``uint8`` pixels ``(N, channels, S, S)``."""
    return _over_batches(
        network, network.features, pixels, mean=mean, std=std, batch_size=batch_size
    )


def views(images: Tensor, tta: str) -> Iterator[Tensor]:
    """Yield ``images`` and then what ``tta`` adds to them.

    Args:
        images: ``(B, channels, S, S)``.
        tta: ``none``; ``mirror``: left and right exchanged; ``shifts``: one pixel (of 28) to each
            of the four sides, 5 % nearer and 5 % further, borders repeated.
    """
    yield images
    if tta == "mirror":
        yield images.flip(-1)
    elif tta == "shifts":
        side = images.shape[-1]
        step = 2.0 * max(1, round(side / SHIFT_SIDE)) / side  # affine coordinates run -1 to 1
        for x, y in ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)):
            yield _affine(images, 1.0, x, y)
        for zoom in ZOOMS:
            yield _affine(images, zoom, 0.0, 0.0)
    elif tta != "none":
        raise ValueError(f"tta must be 'none', 'mirror' or 'shifts', got {tta!r}")


def _affine(images: Tensor, zoom: float, x: float, y: float) -> Tensor:
    matrix = images.new_tensor([[zoom, 0.0, x], [0.0, zoom, y]]).expand(images.shape[0], 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


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
