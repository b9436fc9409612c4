"""Val images as other scanners might have taken them, to choose a threshold that survives it.

A threshold that is best on val alone sits where val happens to have no image; how far the answers
to other exposures and noise move, no label of another hospital is needed to see.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from classify.data import as_pixels
from classify.robustness.corruptions import ACQUISITION

COPIES = 4
MOST_SEVERE = 3


def shifted_copy(pixels: Tensor, *, seed: int) -> Tensor:
    """Return each image changed in one way of ``ACQUISITION``; way and severity 1 to 3 are drawn.

    Args:
        pixels: ``uint8`` ``(N, channels, S, S)``.
        seed: Another one gives another copy.
    """
    rng = np.random.default_rng(seed)
    images = as_pixels(pixels)
    changed = np.empty_like(images)
    for i, image in enumerate(images):
        change = ACQUISITION[int(rng.integers(len(ACQUISITION)))]
        severity = int(rng.integers(1, MOST_SEVERE + 1))
        changed[i] = change.apply(image, severity, seed=int(rng.integers(2**32)))
    channels_first = changed[:, None] if changed.ndim == 3 else np.moveaxis(changed, -1, 1)
    return torch.from_numpy(np.ascontiguousarray(channels_first))
