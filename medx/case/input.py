"""The one image a case is about."""

from __future__ import annotations

from pathlib import Path

from medx.case.names import name_images
from medx.core.errors import InputError
from medx.core.images import Image, Pixels, count_frames, image_from_array, read_image
from medx.datasets.manifest import Record

UNNAMED = "image"


def named_image(image: Path | Pixels, name: str | None = None) -> tuple[Record, Image]:
    """Return an image with a record that names it and knows nothing else of it.

    Args:
        image: A file of one image, or ``uint8`` pixels ``(H, W)`` or ``(H, W, 3)``.
        name: What to call it; None takes the file's name where that names no patient.

    Raises:
        InputError: When the file cannot be read, is a folder, or holds several images.
    """
    if not isinstance(image, Path):
        return Record(id=name or UNNAMED, path=""), image_from_array(image)
    read = read_image(check_single(image))
    return Record(id=name or name_images([image])[0], path=""), read


def check_single(image: Path) -> Path:
    """Return the path of a file that holds one image.

    Raises:
        InputError: When it holds several, is a folder, or no image.
    """
    if image.is_dir():
        raise InputError(
            f"{image} is a folder, and a case is one image",
            hint="name a file in it; `medx report generate` takes folders",
        )
    frames = count_frames(image)
    if frames > 1:
        raise InputError(
            f"{image} holds {frames} images, and a case is one",
            hint="save the one to study as a file of its own; "
            "`medx classify predict --frames all` predicts every one",
        )
    return image
