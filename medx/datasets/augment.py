"""Changes a radiograph may undergo without changing its meaning, on whole batches at once.

Parameters are drawn on the CPU from torch's generator, which ``seed_step`` sets, so that a step
sees the same changes on every device and after every resume.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medx.datasets.augment_microscopy import augment_microscopy


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How far changes of a radiograph go; each is drawn evenly up to its limit.

    Args:
        rotation: Degrees either way.
        scale: Share of the side, larger or smaller.
        shift: Share of the side, in both directions.
        log_gamma: Natural logarithm of gamma, either way.
        contrast: Share of the contrast around mid-grey.
        brightness: Of 0 to 1.
        noise: Largest standard deviation, of 0 to 1.
        focus: Blend with a blurred copy (up to all of it) and away from it, which sharpens.
        shading: Standard deviation of a smooth uneven exposure that half of the images get.
    """

    rotation: float = 10.0
    scale: float = 0.10
    shift: float = 0.08
    log_gamma: float = 0.25
    contrast: float = 0.15
    brightness: float = 0.05
    noise: float = 0.03
    focus: float = 0.0
    shading: float = 0.0


USUAL = Spread()

#: As far as other detectors, exposures and processing go.
WIDE = Spread(
    rotation=15.0,
    scale=0.18,
    shift=0.10,
    log_gamma=0.6,
    contrast=0.35,
    brightness=0.10,
    noise=0.06,
    focus=1.0,
    shading=0.08,
)
SHADING_GRID = 3

#: What in the name of a modality tells which changes keep the meaning of its images.
MODALITY_WORDS = {
    "microscopy": ("microscop", "smear", "histolog", "patholog", "cytolog"),
    "radiograph": ("radiograph", "x-ray", "mammogra", "tomograph", "ultrasound", "ct,", "mri"),
}


def seed_step(seed: int, epoch: int, step: int) -> None:
    """Make everything random in one training step a function of these three numbers."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch, step]).generate_state(1)[0]))


def choose_augmentation(wanted: str | None, modality: str, *, colour: bool) -> tuple[str, str]:
    """Return the name of an augmentation set, and why that one.

    Args:
        wanted: What the user asked for, or None to go by the images; ``wide`` goes by them too,
            and takes the wide set of radiographs.
        modality: In a reader's words.
        colour: True for three channels.
    """
    if wanted not in (None, "wide"):
        return str(wanted), "as set"
    name, reason = _suitable_augmentation(modality, colour=colour)
    return ("radiograph-wide" if wanted and name == "radiograph" else name), reason


def _suitable_augmentation(modality: str, *, colour: bool) -> tuple[str, str]:
    words = modality.lower()
    for name, known in MODALITY_WORDS.items():
        if any(word in words for word in known):
            return name, f"by modality: {modality}"
    if colour:
        return "microscopy", "the images are in colour and their modality names no set"
    return "radiograph", "the images are grey and their modality names no set"


def apply_augmentation(name: str, images: Tensor, *, horizontal_flip: bool = False) -> Tensor:
    """Return images changed by a set.

    ``radiograph``, ``radiograph-wide`` for images of scanners that train does not show,
    ``microscopy`` or ``none``.

    Args:
        name: The set.
        images: ``float32`` ``(B, channels, S, S)``, 0 to 1.
        horizontal_flip: Mirror half of the radiographs.
    """
    if name == "none":
        return images
    if name == "microscopy":
        return augment_microscopy(images)
    spread = WIDE if name == "radiograph-wide" else USUAL
    return augment(images, horizontal_flip=horizontal_flip, spread=spread)


def augment(images: Tensor, *, horizontal_flip: bool, spread: Spread = USUAL) -> Tensor:
    """Return randomly changed images: small affine, gamma, contrast, brightness, noise.

    Never upside down. Mirroring moves the heart to the other side but keeps the finding, so it is
    an option.

    Args:
        images: ``float32`` ``(B, channels, S, S)``, 0 to 1.
        horizontal_flip: Mirror half of them.
        spread: How far.
    """
    moved = _move(images, spread, horizontal_flip=horizontal_flip)
    batch = len(images)

    def draw(low: float, high: float) -> Tensor:
        values = torch.empty(batch, 1, 1, 1).uniform_(low, high)
        return values.to(images.device)

    moved = moved.clamp(0.0, 1.0) ** torch.exp(draw(-spread.log_gamma, spread.log_gamma))
    moved = (moved - 0.5) * (1.0 + draw(-spread.contrast, spread.contrast)) + 0.5
    moved = moved + draw(-spread.brightness, spread.brightness)
    if spread.focus:
        moved = torch.lerp(moved, _blur(moved), draw(-spread.focus, spread.focus))
    if spread.shading:
        shaded = (torch.rand(batch, 1, 1, 1) < 0.5).to(images.device)
        moved = moved + shaded * _shading(moved, spread.shading)
    noise = torch.randn(images.shape).to(images.device)
    return moved + draw(0.0, spread.noise) * noise


def _blur(images: Tensor) -> Tensor:
    """Return images under a 3×3 binomial filter."""
    weights = torch.tensor([1.0, 2.0, 1.0], device=images.device) / 4.0
    kernel = (weights[:, None] * weights).expand(images.shape[1], 1, 3, 3)
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernel, groups=images.shape[1])


def _shading(images: Tensor, strength: float) -> Tensor:
    """Return smooth random fields ``(B, 1, S, S)``, the same in every channel."""
    coarse = strength * torch.randn(len(images), 1, SHADING_GRID, SHADING_GRID)
    return F.interpolate(
        coarse.to(images.device), size=images.shape[-2:], mode="bicubic", align_corners=False
    )


def _move(images: Tensor, spread: Spread, *, horizontal_flip: bool) -> Tensor:
    batch = len(images)
    rotation = math.radians(spread.rotation)
    angle = torch.empty(batch).uniform_(-rotation, rotation)
    zoom = torch.empty(batch).uniform_(1.0 - spread.scale, 1.0 + spread.scale)
    # Affine coordinates run from -1 to 1, so a share of the side counts double.
    shift = torch.empty(batch, 2).uniform_(-2.0 * spread.shift, 2.0 * spread.shift)
    mirror = torch.ones(batch)
    if horizontal_flip:
        mirror = torch.randint(0, 2, (batch,)).float() * 2.0 - 1.0
    cosine, sine = zoom * torch.cos(angle), zoom * torch.sin(angle)
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1),
            torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1),
        ],
        dim=1,
    ).to(images.device)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
