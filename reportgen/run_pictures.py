"""The pictures a run keeps beside its reports: images, heat-maps on them, and similar cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image as PILImage

from medx.core.files import atomic_path
from medx.core.images import Pixels
from medx.core.values import Hit
from reportgen.item import ReportItem, file_stem

IMAGES, HEATMAPS, NEIGHBOURS = "images", "heatmaps", "neighbours"
#: Longest side of a similar case.
THUMBNAIL = 160

#: Gives the pixels of a neighbour, or None where they cannot be had.
ReadNeighbour = Callable[[Hit], Pixels | None]


def image_path(image_id: str) -> str:
    """Return where the native pixels of an image are kept, from the run folder."""
    return f"{IMAGES}/{file_stem(image_id)}.png"


def heatmap_path(image_id: str) -> str:
    """Return where an image under its heat-map is kept, from the run folder."""
    return f"{HEATMAPS}/{file_stem(image_id)}.png"


def neighbour_path(image_id: str) -> str:
    """Return where a similar case is kept, from the run folder."""
    return f"{NEIGHBOURS}/{file_stem(image_id)}.png"


def save_pictures(
    item: ReportItem, run_dir: Path, *, again: bool, neighbours: ReadNeighbour | None
) -> None:
    """Write the pictures of an image that are not there yet.

    Args:
        item: The image.
        run_dir: Where to.
        again: Write its own pictures even where there are some.
        neighbours: Reads similar cases; None keeps none.
    """
    image_id = item.evidence.image_id
    path = run_dir / image_path(image_id)
    if again or not path.is_file():
        _save(PILImage.fromarray(item.pixels), path)
    if item.heatmap is not None:
        path = run_dir / heatmap_path(image_id)
        if again or not path.is_file():
            from reportgen.exports.pictures import overlay  # Matplotlib; many runs have no map

            _save(overlay(item.pixels, item.heatmap.values), path)
    if neighbours is not None:
        for hit in item.evidence.neighbours:
            _save_neighbour(hit, run_dir / neighbour_path(hit.id), neighbours)


def _save_neighbour(hit: Hit, path: Path, read: ReadNeighbour) -> None:
    if path.is_file():
        return
    pixels = read(hit)
    if pixels is not None:
        picture = PILImage.fromarray(pixels)
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        _save(picture, path)


def _save(picture: PILImage.Image, path: Path) -> None:
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
