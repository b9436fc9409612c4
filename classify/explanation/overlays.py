"""Heat-maps on top of their images, as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from classify.explanation.config import ExplainConfig
from classify.explanation.heatmaps import explain_images
from classify.explanation.pointing import Boxes
from classify.predict import Classifier
from medx.core.files import atomic_path, safe_name
from medx.core.images import Pixels
from medx.core.overlays import lay_map, shown_image
from medx.core.settings import DISCLAIMER
from medx.core.values import HeatMap

SMALLEST_SIDE, LARGEST_SIDE = 280, 1024
BAR_WIDTH, MARGIN = 52, 16
BOX_COLOUR = (255, 80, 80)


def draw_overlay(
    pixels: Pixels, values: npt.NDArray[np.floating], boxes: Boxes | None = None
) -> PILImage.Image:
    """Return an image under its half-transparent map, with a colour bar and the disclaimer.

    Args:
        pixels: ``uint8`` ``(H, W[, 3])``.
        values: Over the same image, of any size, 0 to 1.
        boxes: Outlined, in pixels of ``values``.
    """
    shown = shown_image(pixels, smallest=SMALLEST_SIDE, largest=LARGEST_SIDE)
    picture = lay_map(shown, values)
    draw = ImageDraw.Draw(picture)
    across, down = shown.width / values.shape[1], shown.height / values.shape[0]
    for x0, y0, x1, y1 in boxes if boxes is not None else ():
        corners = [x0 * across, y0 * down, x1 * across - 1, y1 * down - 1]
        draw.rectangle(corners, outline=BOX_COLOUR, width=2)
    return _with_colour_bar(picture)


def save_overlay(picture: PILImage.Image, path: Path) -> Path:
    """Write a picture as PNG; return ``path``."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
    return path


def save_heatmaps(
    classifier: Classifier,
    ids: Sequence[str],
    images: Sequence[Pixels],
    folder: Path,
    *,
    method: str = ExplainConfig.method,
    target: npt.ArrayLike | None = None,
) -> list[tuple[HeatMap, Path]]:
    """Explain images of any sizes and write each overlay into ``folder``.

    Args:
        classifier: A trained one.
        ids: N names; they become file names.
        images: ``uint8`` ``(H, W)`` or ``(H, W, 3)``.
        folder: Where to.
        method: One of ``METHODS``.
        target: As ``heatmaps`` takes it; None takes the predicted classes.
    """
    fitted = np.stack([classifier.fit(image) for image in images])
    found = explain_images(classifier, ids, fitted, method=method, target=target)
    names = unused_names(ids, folder)
    return [
        (heatmap, save_overlay(draw_overlay(image, heatmap.values), next(names)))
        for heatmap, image in zip(found, images, strict=True)
    ]


def unused_names(ids: Sequence[str], folder: Path) -> Iterator[Path]:
    """Yield a path for each id; ids that differ only in signs get numbers, nothing is replaced."""
    for name in ids:
        stem, number = safe_name(name)[:120], 1
        path = folder / f"{stem}.png"
        while path.exists():
            number += 1
            path = folder / f"{stem}-{number}.png"
        yield path


def _with_colour_bar(picture: PILImage.Image) -> PILImage.Image:
    width, height = picture.size
    sheet = PILImage.new("RGB", (width + BAR_WIDTH, height + MARGIN), "white")
    sheet.paste(picture, (0, 0))
    ramp = np.repeat(np.linspace(1.0, 0.0, height)[:, None], 12, axis=1)
    grey = PILImage.new("RGB", (12, height), (128, 128, 128))
    sheet.paste(lay_map(grey, ramp), (width + 6, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for text, y in (("most", 0), ("0", height - 12)):
        draw.text((width + 22, y), text, fill="black", font=font)
    draw.text((4, height + 2), DISCLAIMER, fill=(90, 90, 90), font=font)
    return sheet
