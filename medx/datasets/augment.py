"""Random changes a radiograph may undergo and still mean the same, a whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augment_radiographs(
    images: Tensor,
    generator: torch.Generator,
    *,
    rotation: float = 12.0,
    shift: float = 0.08,
    scale: float = 0.12,
    gamma: float = 0.35,
    noise: float = 0.04,
) -> Tensor:
    """Return ``(B, C, H, W)`` images in [0, 1], each moved, re-exposed and made noisy at random.

    No flips: side matters in a chest.

    Args:
        images: Images in [0, 1].
        generator: CPU generator; the same one gives the same result.
        rotation: Largest turn in degrees.
        shift: Largest shift as a share of the side.
        scale: Largest relative zoom and stretch.
        gamma: Largest log2 of the exposure exponent; contrast varies along.
        noise: Largest standard deviation of the noise added.
    """
    count = len(images)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    angle = torch.deg2rad(uniform(-rotation, rotation))
    zoom = torch.exp(uniform(-scale, scale))
    stretch = torch.exp(uniform(-scale / 2, scale / 2))
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
    resize = torch.stack([zoom, zoom * stretch], 1)[:, :, None]
    move = uniform(-2 * shift, 2 * shift, 2, 1)
    matrix = torch.cat([turn * resize, move], 2)  # (B, 2, 3)
    grid = functional.affine_grid(matrix.to(images.device), list(images.shape), align_corners=False)
    moved = functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    exposed = moved.clamp(1e-4, 1).pow(torch.exp2(uniform(-gamma, gamma, 1, 1, 1)).to(moved))
    contrast = torch.exp(uniform(-gamma, gamma, 1, 1, 1) / 2).to(moved)
    mean = exposed.mean((2, 3), keepdim=True)
    offset = uniform(-0.08, 0.08, 1, 1, 1).to(moved)
    grain = torch.randn(images.shape, generator=generator).to(moved)
    spread = uniform(0.0, noise, 1, 1, 1).to(moved)
    return ((exposed - mean) * contrast + mean + offset + grain * spread).clamp(0, 1)
