"""From chord lengths to a displayed radiograph: transmission, scatter, noise, display."""

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, uniform_filter

from medx.datasets.phantoms.anatomy import FloatArray, Frame, float32
from medx.datasets.phantoms.thorax import Thorax

# Linear attenuation in 1/cm near 65 keV, about the mean energy of a filtered 120 kVp beam; values
# from NIST XCOM for ICRU 44 tissues.
MU_WATER = 0.200
MU_BONE = 0.560
LUNG_DENSITY = 0.26  # of inflated lung relative to water
_SCATTER = 0.22  # scatter-to-primary share left by an anti-scatter grid
_SMALLEST_MARKED = 96  # pixels; no lead letter is legible in less
_GLYPHS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


@dataclass(frozen=True, kw_only=True)
class CentreStyle:
    """How one centre exposes and processes.

    Attributes:
        gamma: Exponent of the display curve; above 1 darkens.
        contrast: Slope of the sigmoid display curve.
        detail: Gain of detail over the wide-area base, 1 keeps it.
        sharpen: Unsharp-mask gain at the finest scale.
        photons: Photons per cm² that reach the detector behind the thinnest lung, in thousands.
        blur: Focal-spot and detector blur, standard deviation in cm.
        border: Width of the collimator shadow as a share of the field.
        black: Grey level of the darkest tone, 0-1.
        marker: Letter of the lead side marker, or empty.
    """

    gamma: float = 1.0
    contrast: float = 4.2
    detail: float = 1.2
    sharpen: float = 0.3
    photons: float = 450.0
    blur: float = 0.05
    border: float = 0.012
    black: float = 0.02
    marker: str = ""


NEUTRAL = CentreStyle()
STYLES: dict[str, CentreStyle] = {
    "centre-A": CentreStyle(
        gamma=1.0, contrast=4.4, detail=1.3, sharpen=0.5, photons=900.0, marker="L"
    ),
    "centre-B": CentreStyle(
        gamma=1.3,
        contrast=5.6,
        detail=1.0,
        sharpen=0.0,
        photons=220.0,
        blur=0.09,
        border=0.0,
        black=0.0,
        marker="R",
    ),
    "centre-C": CentreStyle(
        gamma=0.78,
        contrast=3.2,
        detail=1.65,
        sharpen=0.9,
        photons=450.0,
        border=0.035,
        black=0.07,
        marker="L",
    ),
    "centre-D": CentreStyle(
        gamma=0.95,
        contrast=3.8,
        detail=0.9,
        sharpen=0.15,
        photons=140.0,
        blur=0.12,
        border=0.02,
        black=0.04,
    ),
}


def style_of(centre: str, strength: float) -> CentreStyle:
    """Return a centre's style, moved towards the common one as `strength` falls from 1 to 0."""
    own = STYLES[centre]
    mixed = {
        field.name: getattr(NEUTRAL, field.name)
        + strength * (getattr(own, field.name) - getattr(NEUTRAL, field.name))
        for field in fields(CentreStyle)
        if field.name != "marker"
    }
    return CentreStyle(**mixed, marker=own.marker if strength >= 0.5 else "")


def lead_marker(centre: str, strength: float, size: int) -> str:
    """Return the letter, or nothing, that a centre lays into images of `size` pixels."""
    return style_of(centre, strength).marker if size >= _SMALLEST_MARKED else ""


def line_integral(thorax: Thorax) -> FloatArray:
    """Return the attenuation integral along the beam, dimensionless, float32 (H, W)."""
    air = (1.0 - LUNG_DENSITY) * thorax.lung + thorax.gas
    water = np.maximum(thorax.body - air + thorax.tissue + thorax.vessels, 0.0)
    return float32(np.float32(MU_WATER) * water + np.float32(MU_BONE - MU_WATER) * thorax.bone)


def exposure_window(thorax: Thorax, integral: FloatArray) -> tuple[float, float]:
    """Return the integrals shown as black and white, as automatic exposure would set them."""
    step = max(1, integral.shape[0] // 32)
    coarse, air = integral[::step, ::step], thorax.lung[::step, ::step]
    low, high = np.percentile(coarse[air > 0.5 * air.max()], 8), np.percentile(coarse, 94)
    return float(low) - 0.25, float(high) + 0.2


def expose(
    frame: Frame,
    integral: FloatArray,
    window: tuple[float, float],
    style: CentreStyle,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Return the displayed image, uint8 (H, W), bones white.

    Args:
        frame: Pixel grid.
        integral: Attenuation integral, float32 (H, W).
        window: Integrals shown as black and white.
        style: The centre's processing.
        rng: Source of the detector's noise.
    """
    low, high = window
    primary = np.exp(np.float32(low) - np.maximum(integral, np.float32(low - 0.8)))
    signal = primary + np.float32(_SCATTER) * _blur_wide(primary, 4.5 / frame.pixel)
    if style.blur > 0.25 * frame.pixel:
        signal = gaussian_filter(signal, style.blur / frame.pixel, truncate=3.0)
    photons = np.float32(1000.0 * style.photons * frame.pixel**2)
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    signal = np.maximum(signal + noise * np.sqrt(signal / photons), np.float32(1e-3))
    # Scatter lifts the darkest grey levels too, so the window's ends move with it.
    floor = np.float32(-np.log1p(2 * _SCATTER * 0.35))
    ceiling = np.float32(-np.log(np.exp(low - high) + _SCATTER * 0.28))
    tone = (-np.log(signal) - floor) * (np.float32(1.0) / (ceiling - floor))
    tone = _display(_process(tone, frame, style), style)
    _collimate(tone, style, rng)
    _mark(tone, frame, style)
    return (tone * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)


def _process(tone: FloatArray, frame: Frame, style: CentreStyle) -> FloatArray:
    tone = np.clip(tone, -0.35, 1.35)
    if style.detail != 1.0:
        base = _blur_wide(tone, 2.2 / frame.pixel)
        tone = base + np.float32(style.detail) * (tone - base)
    if style.sharpen > 0.0:
        tone = tone + np.float32(style.sharpen) * (tone - gaussian_filter(tone, 1.0, truncate=2.5))
    return tone


def _display(tone: FloatArray, style: CentreStyle) -> FloatArray:
    curve = 1.0 / (1.0 + np.exp(np.float32(-style.contrast) * (tone - np.float32(0.5))))
    end = 1.0 / (1.0 + np.exp(0.58 * style.contrast))
    curve = np.clip((curve - np.float32(end)) * np.float32(1.0 / (1.0 - 2.0 * end)), 0.0, 1.0)
    if style.gamma != 1.0:
        curve = curve ** np.float32(style.gamma)
    return float32(np.float32(style.black) + np.float32(1.0 - style.black) * curve)


def _blur_wide(image: FloatArray, sigma: float) -> FloatArray:
    """Approximate a wide Gaussian (sigma in pixels) by two box filters, at no cost for width."""
    width = max(1, round(sigma * math.sqrt(6.0)) | 1)
    return np.asarray(uniform_filter(uniform_filter(image, width), width), dtype=np.float32)


def _collimate(tone: FloatArray, style: CentreStyle, rng: np.random.Generator) -> None:
    edges = rng.uniform(0.3, 1.7, 4) * style.border * tone.shape[0]
    top, bottom, left, right = (round(float(edge)) for edge in edges)
    tone[:top], tone[tone.shape[0] - bottom :] = 0.0, 0.0
    tone[:, :left], tone[:, tone.shape[1] - right :] = 0.0, 0.0


def _mark(tone: FloatArray, frame: Frame, style: CentreStyle) -> None:
    """Lay the lead letter in the upper corner of the side it names."""
    if not style.marker or frame.size < _SMALLEST_MARKED:
        return
    scale = max(1, round(frame.size / 160))
    glyph = np.array([[int(bit) for bit in row] for row in _GLYPHS[style.marker]], dtype=np.float32)
    glyph = np.kron(glyph, np.ones((scale, scale), dtype=np.float32))
    top = round(0.05 * frame.size) + 2
    inset = round(0.06 * frame.size)
    start = frame.size - inset - glyph.shape[1] if style.marker == "L" else inset
    patch = tone[top : top + glyph.shape[0], start : start + glyph.shape[1]]
    np.maximum(patch, glyph * np.float32(0.98), out=patch)
