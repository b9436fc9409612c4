"""Giemsa stain and bright-field optics: dye per pixel to a colour image by Beer–Lambert.

Absorbances are per unit of dye, for the red, green and blue of a camera, in natural logarithms.
Azure B alone stains cytoplasm blue; with eosin Y it stains chromatin purple (Romanowsky effect).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from medx.datasets.phantoms.anatomy import FloatArray, float32
from medx.datasets.phantoms.canvas import Canvas

Colour = tuple[float, float, float]

_FOCUS = (1.0, 0.9, 1.2)  # blur of red, green and blue relative to the lab's own


@dataclass(frozen=True, kw_only=True)
class LabStyle:
    """How one lab stains and photographs.

    Attributes:
        eosin: Absorbance of a red cell of mean thickness.
        azure: Absorbance of stained cytoplasm.
        purple: Absorbance of stained chromatin.
        pigment: Absorbance of malaria pigment, which needs no stain.
        plasma: Eosin taken up by the plasma between the cells.
        azure_gain: Strength of azure and purple, which falls as the buffer turns acid.
        light: Colour of the empty field, 0-1.
        vignette: Light lost in the far corners, 0-1.
        blur: Point spread, standard deviation in µm.
        photons: Photons of a fully lit pixel of 0.17 µm, in thousands.
    """

    eosin: Colour = (0.13, 0.37, 0.30)
    azure: Colour = (0.62, 0.36, 0.08)
    purple: Colour = (0.80, 1.50, 0.52)
    pigment: Colour = (0.70, 0.90, 1.10)
    plasma: float = 0.06
    azure_gain: float = 1.0
    light: Colour = (0.915, 0.90, 0.885)
    vignette: float = 0.10
    blur: float = 0.13
    photons: float = 2.6


NEUTRAL = LabStyle()
STYLES: dict[str, LabStyle] = {
    "lab-A": LabStyle(eosin=(0.11, 0.37, 0.28), azure_gain=1.05, vignette=0.06),
    "lab-B": LabStyle(  # alkaline buffer: grey-blue red cells, strong nuclei
        eosin=(0.25, 0.36, 0.22),
        azure=(0.72, 0.42, 0.06),
        azure_gain=1.2,
        plasma=0.11,
        light=(0.86, 0.885, 0.915),
        blur=0.12,
    ),
    "lab-C": LabStyle(  # acid buffer: salmon red cells, under a halogen lamp
        eosin=(0.06, 0.44, 0.40),
        purple=(0.66, 1.40, 0.62),
        azure_gain=0.85,
        plasma=0.04,
        light=(0.95, 0.90, 0.80),
        vignette=0.16,
    ),
    "lab-D": LabStyle(  # old stain and a cheap camera
        eosin=(0.10, 0.27, 0.20),
        azure_gain=0.75,
        light=(0.88, 0.88, 0.86),
        vignette=0.26,
        blur=0.2,
        photons=1.5,
    ),
}


def style_of(lab: str, strength: float) -> LabStyle:
    """Return a lab's style, moved towards the common one as `strength` falls from 1 to 0."""
    own = STYLES[lab]
    mixed: dict[str, Any] = {}
    for field in fields(LabStyle):
        common = np.asarray(getattr(NEUTRAL, field.name))
        value = common + strength * (np.asarray(getattr(own, field.name)) - common)
        mixed[field.name] = tuple(value.tolist()) if value.ndim else float(value)
    return LabStyle(**mixed)


def photograph(
    canvas: Canvas, style: LabStyle, defocus: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Return the image of a canvas, uint8 (H, W, 3).

    Args:
        canvas: The stained field.
        style: The lab's stain, light and camera.
        defocus: Blur beyond that of the lens, standard deviation in µm.
        rng: Source of the light's unevenness and the camera's noise.
    """
    gain = np.array([1.0, style.azure_gain, style.azure_gain, 1.0])[:, None]
    absorbance = float32(
        gain * np.array([style.eosin, style.azure, style.purple, style.pigment])
    )  # (4, 3)
    shade = _shade(canvas, style, rng)
    sigma = np.hypot(style.blur, defocus) / canvas.pixel
    image = np.empty((*canvas.dye.shape[1:], 3), dtype=np.float32)
    for channel in range(3):
        depth = np.einsum("d,dhw->hw", absorbance[:, channel], canvas.dye)
        light = np.exp(-depth, out=depth)
        for axis in (0, 1):
            light = gaussian_filter1d(light, sigma * _FOCUS[channel], axis=axis, truncate=2.5)
        image[..., channel] = light * shade * np.float32(style.light[channel])
    photons = np.float32(1000.0 * style.photons * (canvas.pixel / 0.17) ** 2)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    image += noise * np.sqrt(image * (np.float32(1.0) / photons))
    image = np.clip(image * np.float32(255.0) + np.float32(0.5), 0.0, 255.0)
    return np.asarray(image, dtype=np.uint8)


def _shade(canvas: Canvas, style: LabStyle, rng: np.random.Generator) -> FloatArray:
    """Return the light that reaches each pixel, 1 where the condenser is centred, (H, W)."""
    height, width = canvas.dye.shape[1:]
    x0, y0 = rng.normal(0.0, 0.25, 2)
    x = float32(np.linspace(-1.0, 1.0, width) - x0)[None, :]
    y = float32(np.linspace(-1.0, 1.0, height) - y0)[:, None]
    return float32(1.0 - np.float32(0.5 * style.vignette) * (x * x + y * y))
