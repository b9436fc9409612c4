"""Pictures on disk, drawn without a display; each says that it is for research use only."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from medx.core.files import atomic_path
from medx.core.images import Pixels
from medx.core.settings import DISCLAIMER


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A rectangle to draw on an image, in its pixels; ``text`` stands above it."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    text: str = ""


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
    pixels: Sequence[Pixels | None],
    captions: Sequence[str],
    path: Path,
    *,
    columns: int = 5,
    title: str | None = None,
    row_titles: Sequence[str] = (),
    outlines: Sequence[Sequence[Outline]] = (),
    legend: Mapping[str, str] | None = None,
) -> Path:
    """Write images in rows of ``columns`` with a caption above each; return ``path``.

    Args:
        pixels: ``uint8`` arrays ``(H, W)`` or ``(H, W, 3)``; sizes may differ. None leaves a gap.
        captions: One an image; may hold line breaks.
        path: The PNG to write.
        columns: Images a row.
        title: Heading of the whole figure.
        row_titles: What to write left of each row; none when empty.
        outlines: What to draw on each image; nothing when empty.
        legend: What each colour of the outlines means, by name.

    Raises:
        ValueError: When there is no image, or not one caption an image.
    """
    if len(pixels) == 0 or len(pixels) != len(captions):
        raise ValueError(
            f"pixels and captions must share one length >= 1, got {len(pixels)}, {len(captions)}"
        )
    columns = max(1, min(columns, len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    # Flat images would leave white bands between the rows.
    tallest = max((p.shape[0] / p.shape[1] for p in pixels if p is not None), default=1.0)
    row_height = 2.1 * min(max(tallest, 0.3), 1.0) + 0.4
    width = 2.1 * columns + (1.4 if legend else 0.0)
    figure = new_figure(width, row_height * rows + 0.6, title=title)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for cell in cells:
        cell.set(xticks=[], yticks=[], frame_on=False)
    for cell, text in zip(cells[::columns], row_titles, strict=False):
        cell.set_ylabel(text, fontsize=9, parse_math=False)
    for i, (image, caption) in enumerate(zip(pixels, captions, strict=True)):
        if image is not None:
            cells[i].imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            cells[i].set_title(caption, fontsize=7, parse_math=False)
            _draw_outlines(cells[i], outlines[i] if outlines else ())
    if legend:
        _draw_legend(figure, legend)
    return save_figure(figure, path)


def _draw_legend(figure: Figure, legend: Mapping[str, str]) -> None:
    handles = [Patch(color=colour, label=name) for name, colour in legend.items()]
    found = figure.legend(handles=handles, loc="outside right upper", fontsize=8)
    for label in found.get_texts():
        label.set_parse_math(False)


def _draw_outlines(cell: Any, outlines: Sequence[Outline]) -> None:
    for outline in outlines:
        # Pixel centres are at whole numbers, so an image begins at -0.5.
        x, y, colour = outline.x - 0.5, outline.y - 0.5, outline.colour
        size = (outline.width, outline.height)
        cell.add_patch(Rectangle((x, y), *size, fill=False, edgecolor=colour, linewidth=1.2))
        if outline.text:
            cell.text(
                x, y, outline.text, fontsize=6, color="black", va="bottom", clip_on=True,
                parse_math=False, bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
            )  # fmt: skip
