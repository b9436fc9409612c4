"""How unlike its training images an image is: a distance of features, and one of plain pixels.

Features of the network, by Mahalanobis distance to the nearest class (Lee et al. 2018), tell
another kind of picture. What the network was built not to see (brightness, sign, the frame as a
whole), the statistics of the pixels tell. Each distance is put on a scale where val has its median
at 0 and its 99th percentile at 1; the larger of the two is the score, in units of its own 99th
percentile: an image above 1 is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from classify.checkpoint import load_described_tensors
from classify.trust.gaussian import Gaussian, fit_gaussian
from classify.trust.image_statistics import image_statistics
from medx.core.files import sha256_file
from medx.core.images import Pixels
from medx.core.training import save_tensors

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

OOD_FILE = "ood.safetensors"

#: Share of val that is flagged, by construction.
FLAGGED = 0.01

#: Images to fit on; the distributions have no use for more.
MOST_IMAGES = 20_000

#: Mean spread of an image's channels, in grey levels, that no tint of a film reaches.
COLOURFUL = 24.0

KINDS = ("features", "pixels")
REASONS = {
    "colour": "in colour, while the training images are grey",
    "features": "unlike the training images to the network",
    "pixels": "unlike the training images in brightness, layout or detail",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class OutOfDistribution:
    """Scores images; above 1 they are flagged.

    Args:
        gaussians: Where training images lie, by kind.
        scales: Of val's distances, what becomes 0 and what becomes 1, by kind.
    """

    gaussians: dict[str, Gaussian]
    scales: dict[str, tuple[float, float]]

    def parts(self, features: Floats, pixels: Pixels) -> dict[str, Doubles]:
        """Return the scaled distances ``(N,)`` by kind.

        Args:
            features: Of the network, ``(N, D)``.
            pixels: ``uint8`` ``(N, S, S[, 3])``, the same images.
        """
        measured = {"features": features, "pixels": image_statistics(pixels)}
        found = {}
        for kind, vectors in measured.items():
            middle, high = self.scales[kind]
            found[kind] = (self.gaussians[kind].distance(vectors) - middle) / (high - middle)
        return found


def combine(parts: dict[str, Doubles]) -> Doubles:
    """Return one score an image of its scaled distances."""
    return np.asarray(np.max(list(parts.values()), axis=0), np.float64)


def colourfulness(pixels: Pixels) -> float:
    """Return how much colour ``uint8`` pixels ``(H, W[, 3])`` show; above 1 they are in colour.

    A model of grey images never sees it: its input is turned to grey first.
    """
    if pixels.ndim == 2:
        return 0.0
    return float(np.ptp(pixels, axis=2).mean()) / COLOURFUL


def fit_ood(
    *,
    features: Floats,
    pixels: Pixels,
    target: npt.NDArray[np.int64],
    val_features: Floats,
    val_pixels: Pixels,
) -> OutOfDistribution:
    """Fit on training images; take scales and threshold from val.

    Args:
        features: Of training images, ``(N, D)``.
        pixels: ``uint8`` ``(N, S, S[, 3])``.
        target: Class indices ``(N,)``.
        val_features: ``(M, D)``.
        val_pixels: ``(M, S, S[, 3])``.
    """
    gaussians = {
        "features": fit_gaussian(features, target),
        "pixels": fit_gaussian(image_statistics(pixels)),
    }
    unscaled = OutOfDistribution(gaussians=gaussians, scales=dict.fromkeys(KINDS, (0.0, 1.0)))
    parts = unscaled.parts(val_features, val_pixels)
    scales = {}
    for kind, distances in parts.items():
        middle, high = np.quantile(distances, [0.5, 1 - FLAGGED]).tolist()
        # Val images that are all alike leave no spread to measure by.
        scales[kind] = (middle, max(high, middle + 1e-3 * max(middle, 1.0)))
        parts[kind] = (distances - middle) / (scales[kind][1] - middle)
    # Two chances to be flagged are more than one; dividing by this leaves 1 % of val above 1.
    top = max(1.0, float(np.quantile(combine(parts), 1 - FLAGGED)))
    wider = {kind: (low, low + (high - low) * top) for kind, (low, high) in scales.items()}
    return OutOfDistribution(gaussians=gaussians, scales=wider)


def choose_rows(count: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows of ``count`` training images to fit on, sorted."""
    if count <= MOST_IMAGES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_IMAGES, replace=False))


def save_ood(path: Path, ood: OutOfDistribution) -> str:
    """Write it as safetensors; return the file's SHA-256."""
    tensors = {}
    for kind in KINDS:
        tensors[f"{kind}.means"] = torch.from_numpy(ood.gaussians[kind].means)
        tensors[f"{kind}.whitening"] = torch.from_numpy(ood.gaussians[kind].whitening)
        tensors[f"{kind}.scale"] = torch.tensor(ood.scales[kind], dtype=torch.float64)
    save_tensors(path, tensors)
    return sha256_file(path)


def load_ood(path: Path, sha256: str) -> OutOfDistribution:
    """Read what ``save_ood`` wrote.

    Raises:
        CheckpointError: When the file is missing, damaged or another one.
    """
    tensors = load_described_tensors(path, sha256)
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return OutOfDistribution(
        gaussians={
            kind: Gaussian(means=arrays[f"{kind}.means"], whitening=arrays[f"{kind}.whitening"])
            for kind in KINDS
        },
        scales={kind: _pair(arrays[f"{kind}.scale"]) for kind in KINDS},
    )


def _pair(values: Doubles) -> tuple[float, float]:
    low, high = values.tolist()
    return low, high
