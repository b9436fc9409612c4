"""Mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019): targets as blended as their images."""

from __future__ import annotations

import torch
from torch import Tensor


def blend(
    images: Tensor, target: Tensor, *, mixup_alpha: float, cutmix_alpha: float
) -> tuple[Tensor, Tensor]:
    """Apply mixup or cutmix, whichever is on; where both are, one of them at random."""
    if cutmix_alpha > 0 and (mixup_alpha == 0 or float(torch.rand(())) < 0.5):
        return cutmix(images, target, cutmix_alpha)
    return mixup(images, target, mixup_alpha)


def mixup(images: Tensor, target: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Blend each image and its target with another of the batch, by one random share.

    Args:
        images: ``(B, channels, S, S)``.
        target: Class probabilities ``(B, C)``.
        alpha: Both parameters of the Beta distribution of the share; 0 changes nothing.
    """
    if alpha == 0:
        return images, target
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(images)).to(images.device)
    return torch.lerp(images[other], images, share), torch.lerp(target[other], target, share)


def cutmix(images: Tensor, target: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Put one random box of another image of the batch into each; targets blend by area.

    Args:
        images: ``(B, channels, H, W)``.
        target: Class probabilities ``(B, C)``.
        alpha: Both parameters of the Beta distribution of the share that stays; 0 changes nothing.
    """
    if alpha == 0:
        return images, target
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(images)).to(images.device)
    height, width = images.shape[-2:]
    rows = _interval(height, (1.0 - share) ** 0.5)
    columns = _interval(width, (1.0 - share) ** 0.5)
    mixed = images.clone()
    mixed[..., rows, columns] = images[other][..., rows, columns]
    cut = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return mixed, torch.lerp(target, target[other], cut)


def _interval(side: int, share: float) -> slice:
    """Return an interval of that share of a side around a random centre, clipped at the ends."""
    centre, half = int(torch.randint(side, ())), round(side * share) / 2
    return slice(max(0, int(centre - half)), min(side, int(centre + half)))
