"""Changes a cell or a piece of tissue may undergo under a microscope, on whole batches at once.

A slide has no up and no side, stains differ in strength between batches and laboratories, and
lamps in brightness and colour. Parameters are drawn on the CPU, as in ``medx.datasets.augment``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_ZOOM = 0.15
SHIFT = 0.08
PERSPECTIVE = 0.10
STAIN = 0.20
GAIN = 0.10
LIGHT = 0.10
BLURRED, LARGEST_SIGMA = 0.3, 1.0
ERASED, LARGEST_HOLE = 0.25, 0.30
NOISE = 0.02
FADED = 1e-3  # transmitted light below this would be an infinite amount of stain


def augment_microscopy(images: Tensor) -> Tensor:
    """Return randomly changed images: any rotation, flips, perspective, stain, light, blur, holes.

    Args:
        images: ``float32`` ``(B, channels, S, S)``, 0 to 1.
    """
    moved = _blur(_move(images)).clamp(0.0, 1.0)
    lit = _stain(moved) * (1.0 + _draw(images, LIGHT))
    return _erase(lit + torch.randn(images.shape).to(images.device) * NOISE)


def _draw(images: Tensor, spread: float, channels: int = 1) -> Tensor:
    values = torch.empty(len(images), channels, 1, 1).uniform_(-spread, spread)
    return values.to(images.device)


def _move(images: Tensor) -> Tensor:
    """Rotate by any angle, flip, zoom, shift and tilt, in one resampling."""
    batch, side = len(images), images.shape[-1]
    angle = torch.empty(batch).uniform_(-math.pi, math.pi)
    zoom = torch.exp(torch.empty(batch).uniform_(-LOG_ZOOM, LOG_ZOOM))
    flip = torch.randint(0, 2, (batch,)) * 2.0 - 1.0  # with any rotation, one axis is enough
    shift = torch.empty(2, batch).uniform_(-2.0 * SHIFT, 2.0 * SHIFT)
    tilt = torch.empty(2, batch).uniform_(-PERSPECTIVE, PERSPECTIVE)
    cosine, sine = zoom * torch.cos(angle), zoom * torch.sin(angle)
    rows = [
        torch.stack([cosine * flip, -sine, shift[0]], dim=1),
        torch.stack([sine * flip, cosine, shift[1]], dim=1),
        torch.stack([tilt[0], tilt[1], torch.ones(batch)], dim=1),
    ]
    matrix = torch.stack(rows, dim=1).to(images.device)  # (B, 3, 3)
    centres = (torch.arange(side, device=images.device) + 0.5) * 2.0 / side - 1.0
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(1, -1, 3) @ matrix.mT
    grid = (points[..., :2] / points[..., 2:]).view(batch, side, side, 2)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _stain(images: Tensor) -> Tensor:
    """Change how much stain took in each channel: light fades exponentially with its amount."""
    channels = images.shape[1]
    amount = -torch.log(images.clamp(min=FADED))
    strength = 1.0 + _draw(images, STAIN) + _draw(images, GAIN, channels)
    return torch.exp(-amount * strength)


def _blur(images: Tensor) -> Tensor:
    """Put some images out of focus by a Gaussian of up to ``LARGEST_SIGMA`` pixels of 28."""
    channels, side = images.shape[1], images.shape[-1]
    largest = LARGEST_SIGMA * side / 28
    sigma = torch.empty(len(images)).uniform_(0.1, 1.0) * largest
    sigma[torch.rand(len(images)) >= BLURRED] = 0.0
    reach = min(math.ceil(2.0 * largest), side - 1)
    offsets = torch.arange(-reach, reach + 1).float()
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).to(images.device)
    kernel = kernel.repeat_interleave(channels, dim=0)  # one a channel of each image
    flat = images.reshape(1, -1, side, side)
    for padding, shape in (((reach, reach, 0, 0), (1, -1)), ((0, 0, reach, reach), (-1, 1))):
        weight = kernel.view(len(kernel), 1, *(s if s == 1 else 2 * reach + 1 for s in shape))
        flat = F.conv2d(F.pad(flat, padding, mode="reflect"), weight, groups=len(kernel))
    return flat.reshape(images.shape)


def _erase(images: Tensor) -> Tensor:
    """Cover a random box of some images with their mean colour."""
    batch, side = len(images), images.shape[-1]
    half = torch.empty(2, batch).uniform_(0.1, 1.0) * LARGEST_HOLE / 2
    half[:, torch.rand(batch) >= ERASED] = 0.0
    centre = torch.rand(2, batch)
    places = (torch.arange(side) + 0.5) / side
    inside = (places - centre[..., None]).abs() < half[..., None]  # (2, B, S)
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None].to(images.device)
    return torch.where(hole, images.mean(dim=(2, 3), keepdim=True), images)
