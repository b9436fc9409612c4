"""Pictures on disk, drawn without a display; each says that it is for research use only."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medx.core.files import atomic_path
from medx.core.images import Pixels
from medx.core.settings import DISCLAIMER


def new_figure(width: float, height: float, *, title: str | None = None) -> Figure:
    """Return an empty figure of ``width`` × ``height`` inches.

    pyplot is left alone: its global state is not safe in a server thread.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, parse_math=False)
    return figure


def save_figure(figure: Figure, path: Path, *, dpi: int = 120) -> Path:
    """Write ``figure`` as PNG with the disclaimer below it; return ``path``."""
    figure.supxlabel(DISCLAIMER, fontsize=7, color="0.45")
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A label in a script the font lacks shows as a box; the figure is still right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(temporary, dpi=dpi, format="png")
    return path


def save_image_grid(
    pixels: Sequence[Pixels],
    captions: Sequence[str],
    path: Path,
    *,
    columns: int = 5,
    title: str | None = None,
) -> Path:
    """Write images in rows of ``columns`` with a caption above each; return ``path``.

    Args:
        pixels: ``uint8`` arrays ``(H, W)`` or ``(H, W, 3)``; sizes may differ.
        captions: One an image; may hold line breaks.
        path: The PNG to write.
        columns: Images a row.
        title: Heading of the whole figure.

    Raises:
        ValueError: When there is no image, or not one caption an image.
    """
    if len(pixels) == 0 or len(pixels) != len(captions):
        raise ValueError(
            f"pixels and captions must share one length >= 1, got {len(pixels)}, {len(captions)}"
        )
    columns = max(1, min(columns, len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    figure = new_figure(2.1 * columns, 2.5 * rows + 0.6, title=title)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for cell in cells:
        cell.set_axis_off()
    for cell, image, caption in zip(cells, pixels, captions, strict=False):
        cell.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        cell.set_title(caption, fontsize=7, parse_math=False)
    return save_figure(figure, path)
