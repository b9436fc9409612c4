"""The image and its heat-map as pictures that say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import get_data_path
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from medx.core import overlays
from medx.core.images import Pixels
from medx.core.values import HeatMap

SMALLEST_SIDE, LARGEST_SIDE = 384, 1536
MARGIN = 8


def shown_image(pixels: Pixels) -> PILImage.Image:
    """Return an image in colour at a size that can be looked at; small ones keep their pixels."""
    return overlays.shown_image(pixels, smallest=SMALLEST_SIDE, largest=LARGEST_SIDE)


def overlay(pixels: Pixels, values: npt.NDArray[np.floating]) -> PILImage.Image:
    """Return an image under its half-transparent map.

    Args:
        pixels: ``uint8`` ``(H, W[, 3])``.
        values: Over the same image, of any size, 0 to 1.
    """
    return overlays.lay_map(shown_image(pixels), values)


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
