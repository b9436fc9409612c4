"""Changes a radiograph may undergo without changing its meaning, on whole batches at once.

Parameters are drawn on the CPU from torch's generator, which ``seed_step`` sets, so that a step
sees the same changes on every device and after every resume.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medx.datasets.augment_microscopy import augment_microscopy

ROTATION = math.radians(10.0)
SCALE = 0.10
SHIFT = 0.08
LOG_GAMMA = 0.25
CONTRAST = 0.15
BRIGHTNESS = 0.05
NOISE = 0.03

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
        wanted: What the user asked for, or None to go by the images.
        modality: In a reader's words.
        colour: True for three channels.
    """
    if wanted is not None:
        return wanted, "as set"
    words = modality.lower()
    for name, known in MODALITY_WORDS.items():
        if any(word in words for word in known):
            return name, f"by modality: {modality}"
    if colour:
        return "microscopy", "the images are in colour and their modality names no set"
    return "radiograph", "the images are grey and their modality names no set"


def apply_augmentation(name: str, images: Tensor, *, horizontal_flip: bool = False) -> Tensor:
    """Return images changed by a set: ``radiograph``, ``microscopy`` or ``none``.

    Args:
        name: The set.
        images: ``float32`` ``(B, channels, S, S)``, 0 to 1.
        horizontal_flip: Mirror half of the radiographs.
    """
    if name == "none":
        return images
    if name == "microscopy":
        return augment_microscopy(images)
    return augment(images, horizontal_flip=horizontal_flip)


def augment(images: Tensor, *, horizontal_flip: bool) -> Tensor:
    """Return randomly changed images: small affine, gamma, contrast, brightness, noise.

    Never upside down. Mirroring moves the heart to the other side but keeps the finding, so it is
    an option.

    Args:
        images: ``float32`` ``(B, channels, S, S)``, 0 to 1.
        horizontal_flip: Mirror half of them.
    """
    moved = _move(images, horizontal_flip=horizontal_flip)
    batch = len(images)

    def draw(low: float, high: float) -> Tensor:
        values = torch.empty(batch, 1, 1, 1).uniform_(low, high)
        return values.to(images.device)

    moved = moved.clamp(0.0, 1.0) ** torch.exp(draw(-LOG_GAMMA, LOG_GAMMA))
    moved = (moved - 0.5) * (1.0 + draw(-CONTRAST, CONTRAST)) + 0.5
    moved = moved + draw(-BRIGHTNESS, BRIGHTNESS)
    noise = torch.randn(images.shape).to(images.device)
    return moved + draw(0.0, NOISE) * noise


def _move(images: Tensor, *, horizontal_flip: bool) -> Tensor:
    batch = len(images)
    angle = torch.empty(batch).uniform_(-ROTATION, ROTATION)
    zoom = torch.empty(batch).uniform_(1.0 - SCALE, 1.0 + SCALE)
    # Affine coordinates run from -1 to 1, so a share of the side counts double.
    shift = torch.empty(batch, 2).uniform_(-2.0 * SHIFT, 2.0 * SHIFT)
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
