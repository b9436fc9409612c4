"""What goes wrong with images between a scanner and a classifier, in five severities.

In the manner of MedMNIST-C (Di Salvo et al. 2024); the severities here are medx's own. Lengths are
shares of the side, so that an image of 28 and one of 224 pixels are spoilt alike. Severity 0 is
the image as it is.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from scipy import ndimage

from medx.core.images import Pixels, resize
from medx.core.pixels import to_uint8

SEVERITIES = (1, 2, 3, 4, 5)
SMALLEST_SIDE = 4

Spoil = Callable[[Pixels, float, np.random.Generator], Pixels]


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One way of spoiling an image.

    Args:
        name: How tables call it.
        unit: What ``strengths`` are.
        strengths: One a severity.
        spoil: Takes ``uint8`` pixels ``(S, S[, 3])``, a strength and a generator.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    spoil: Spoil

    def apply(self, pixels: Pixels, severity: int, *, seed: int) -> Pixels:
        """Return the image spoilt; the same seed gives the same noise in another strength.

        Raises:
            ValueError: When the severity is none.
        """
        if severity == 0:
            return pixels
        if severity not in SEVERITIES:
            raise ValueError(f"severity must be in 0-{SEVERITIES[-1]}, got {severity}")
        return self.spoil(pixels, self.strengths[severity - 1], np.random.default_rng(seed))


def blur(pixels: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Return a Gaussian blur; ``strength`` is its sigma as a share of the side."""
    sigma = strength * pixels.shape[0]
    axes = (sigma, sigma, 0)[: pixels.ndim]
    return to_uint8(ndimage.gaussian_filter(_unit(pixels), axes, mode="nearest"))


def noise(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Return Gaussian noise added; ``strength`` is its spread as a share of white."""
    return to_uint8(_unit(pixels) + strength * rng.standard_normal(pixels.shape, np.float32))


def speckle(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Return noise in proportion to the brightness, which is multiplied by 1 ± ``strength``."""
    return to_uint8(_unit(pixels) * (1 + strength * rng.standard_normal(pixels.shape, np.float32)))


def contrast(pixels: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Return the distance from the mean multiplied by ``strength``."""
    values = _unit(pixels)
    mean = values.mean(axis=(0, 1))
    return to_uint8(mean + strength * (values - mean))


def brightness(pixels: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Return ``strength`` of white added."""
    return to_uint8(_unit(pixels) + strength)


def gamma(pixels: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Return the brightness raised to the power of ``strength``."""
    return to_uint8(_unit(pixels) ** strength)


def jpeg(pixels: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Return what is left after JPEG of quality ``strength``, at the classifier's own size."""
    stream = io.BytesIO()
    PILImage.fromarray(pixels).save(stream, format="JPEG", quality=int(strength))
    return np.asarray(PILImage.open(stream))


def downsampling(pixels: Pixels, strength: float, _: np.random.Generator) -> Pixels:
    """Return the image made smaller, to ``strength`` of its side, and enlarged again."""
    side = pixels.shape[0]
    return resize(resize(pixels, max(SMALLEST_SIDE, round(strength * side))), side)


def rotation(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Return the image turned by ``strength`` degrees to either side, its border drawn out."""
    degrees = strength if rng.random() < 0.5 else -strength
    turned = ndimage.rotate(_unit(pixels), degrees, reshape=False, order=1, mode="nearest")
    return to_uint8(turned)


CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption(
        name="blur",
        unit="sigma, share of the side",
        strengths=(0.01, 0.02, 0.03, 0.045, 0.06),
        spoil=blur,
    ),
    Corruption(
        name="noise",
        unit="spread, share of white",
        strengths=(0.02, 0.04, 0.08, 0.12, 0.18),
        spoil=noise,
    ),
    Corruption(
        name="speckle",
        unit="spread, share of the brightness",
        strengths=(0.05, 0.1, 0.2, 0.3, 0.45),
        spoil=speckle,
    ),
    Corruption(
        name="less contrast",
        unit="factor",
        strengths=(0.8, 0.65, 0.5, 0.35, 0.2),
        spoil=contrast,
    ),
    Corruption(
        name="more contrast",
        unit="factor",
        strengths=(1.2, 1.4, 1.7, 2.1, 2.6),
        spoil=contrast,
    ),
    Corruption(
        name="brighter",
        unit="added, share of white",
        strengths=(0.05, 0.1, 0.2, 0.3, 0.4),
        spoil=brightness,
    ),
    Corruption(
        name="darker",
        unit="added, share of white",
        strengths=(-0.05, -0.1, -0.2, -0.3, -0.4),
        spoil=brightness,
    ),
    Corruption(
        name="gamma below 1",
        unit="exponent",
        strengths=(0.85, 0.7, 0.55, 0.45, 0.35),
        spoil=gamma,
    ),
    Corruption(
        name="gamma above 1",
        unit="exponent",
        strengths=(1.2, 1.4, 1.8, 2.2, 2.8),
        spoil=gamma,
    ),
    Corruption(name="JPEG", unit="quality", strengths=(80, 50, 25, 10, 5), spoil=jpeg),
    Corruption(
        name="down-sampling",
        unit="share of the side",
        strengths=(0.75, 0.5, 0.375, 0.25, 0.15),
        spoil=downsampling,
    ),
    Corruption(name="rotation", unit="degrees", strengths=(5, 10, 20, 30, 45), spoil=rotation),
)

#: What another scanner, exposure or processing does to an image.
ACQUISITION = tuple(
    corruption
    for corruption in CORRUPTIONS
    if corruption.name not in ("speckle", "JPEG", "down-sampling", "rotation")
)


def _unit(pixels: Pixels) -> npt.NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255.0)
