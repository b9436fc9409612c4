"""Mixup (Zhang et al. 2018): a target that is as blended as its image."""

from __future__ import annotations

import torch
from torch import Tensor


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
