"""The image and its heat-map as pictures that say what they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, get_data_path
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from medx.core.images import Pixels, to_rgb
from medx.core.values import HeatMap

#: Perceptually uniform, and readable without colour vision.
COLOURS = "viridis"
OPACITY = 0.45
SMALLEST_SIDE, LARGEST_SIDE = 384, 1536
MARGIN = 8


def shown_image(pixels: Pixels) -> PILImage.Image:
    """Return an image in colour at a size that can be looked at; small ones keep their pixels."""
    height, width = pixels.shape[:2]
    scale = max(1.0, SMALLEST_SIDE / min(height, width))
    scale = min(scale, LARGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    nearest, smooth = PILImage.Resampling.NEAREST, PILImage.Resampling.BILINEAR
    return PILImage.fromarray(to_rgb(pixels)).resize(size, nearest if scale > 1 else smooth)


def overlay(pixels: Pixels, values: npt.NDArray[np.floating]) -> PILImage.Image:
    """Return an image under its half-transparent map.

    Args:
        pixels: ``uint8`` ``(H, W[, 3])``.
        values: Over the same image, of any size, 0 to 1.
    """
    shown = shown_image(pixels)
    smooth = PILImage.Resampling.BILINEAR
    spread = PILImage.fromarray(np.asarray(values, np.float32)).resize(shown.size, smooth)
    colours = colormaps[COLOURS](np.clip(np.asarray(spread), 0.0, 1.0), bytes=True)
    coloured = PILImage.fromarray(np.ascontiguousarray(colours[..., :3]))
    return PILImage.blend(shown, coloured, OPACITY)


def about(heatmap: HeatMap) -> str:
    """Say in one sentence what a heat-map shows."""
    where = f", highest {heatmap.zone} as seen" if heatmap.zone else ", none found"
    return (
        f"Evidence for '{heatmap.label}' to classifier {heatmap.classifier} "
        f"({heatmap.method}){where}. Scaled by its own highest value: it shows where, not how much."
    )


def captioned(picture: PILImage.Image, lines: list[str]) -> PILImage.Image:
    """Return a picture with lines of text below it, wrapped to its width."""
    width, height = picture.size
    font = ImageFont.truetype(str(font_file()), max(12, width // 40))
    wrapped = [part for line in lines for part in _wrap(line, font, width - 2 * MARGIN)]
    step = int(font.size * 1.35)
    sheet = PILImage.new("RGB", (width, height + step * len(wrapped) + 2 * MARGIN), "black")
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(wrapped):
        draw.text((MARGIN, height + MARGIN + i * step), line, fill=(235, 235, 235), font=font)
    return sheet


def png(picture: PILImage.Image) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def font_file(*, bold: bool = False) -> Path:
    """Return a font with Latin, Greek and Cyrillic letters, which Matplotlib brings."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(get_data_path()) / "fonts" / "ttf" / name


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
