"""PNG, JPEG, TIFF and BMP files to display-ready pixels, through Pillow."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PILImage

from medx.core.errors import InputError
from medx.core.limits import (
    MAX_FRAMES,
    check_decoded,
    check_floats,
    check_frame,
    check_pixels,
    unreadable,
)
from medx.core.mapped import open_mapped
from medx.core.pixels import Image, image_from_array
from medx.core.quiet import muted_stderr, quiet

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
NO_IMAGE = "no PNG, JPEG, TIFF, BMP, NPY or DICOM image in it"

_DEEP_GREY = {"I;16", "I;16B", "I;16L", "I", "F"}
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MIN_IS_WHITE = 258, 262, 0

# Pillow holds four bytes a pixel of colour; its copies are made a strip at a time.
_STRIP_PIXELS = 1 << 22

# A deflated byte holds no more than this many.
_BEST_DEFLATE = 1032


def read_raster(path: Path, frame: int) -> Image:
    """Read a PNG, JPEG, TIFF (its page ``frame``) or BMP file."""
    try:
        with quiet(), open_mapped(path) as file, PILImage.open(file, formats=FORMATS) as opened:
            check_frame(path, frame, _count(path, opened, at_least=frame + 1))
            if frame:
                opened.seek(frame)
            _check_size(path, opened)
            return _displayed(opened, frame)
    except InputError:
        raise
    except Exception as error:  # Pillow's parsers raise anything on a damaged file
        raise unreadable(path, _reason(error)) from error


def count_raster_frames(path: Path) -> int:
    """Return the number of pages of a TIFF, and 1 for other raster files."""
    try:
        with quiet(), open_mapped(path) as file, PILImage.open(file, formats=FORMATS) as opened:
            return _count(path, opened)
    except InputError:
        raise
    except Exception as error:
        raise unreadable(path, _reason(error)) from error


def _count(path: Path, opened: Any, at_least: int | None = None) -> int:
    """Return the number of pages, counted no further than ``at_least`` when that is given."""
    if opened.format != "TIFF":
        return 1
    most = MAX_FRAMES + 1 if at_least is None else min(at_least, MAX_FRAMES + 1)
    count = 1
    try:
        while count < most:
            opened.seek(count)
            count += 1
    except EOFError:
        pass
    opened.seek(0)
    check_frame(path, 0, count)
    return count


def _check_size(path: Path, opened: Any) -> None:
    check_pixels(path, opened.height, opened.width)
    check_decoded(path, opened.height * opened.width * len(opened.getbands()))
    if opened.mode in {"I", "F"}:
        check_floats(path, opened.height * opened.width)
    bits = 1 if opened.mode == "1" else 8
    if opened.format == "PNG":
        smallest = opened.height * opened.width * bits // 8 // _BEST_DEFLATE // 8
        if path.stat().st_size < smallest:
            raise unreadable(path, "image file is truncated")


def _displayed(opened: Any, frame: int) -> Image:
    # Pillow calls a JPEG of several pictures by another name.
    kind = opened.format if opened.format in FORMATS else "JPEG"
    facts = {"format": kind, "mode": opened.mode, "bits": str(_bits(opened)), "frame": str(frame)}
    steps = []
    inverted = opened.mode in _DEEP_GREY and _is_min_is_white(opened)
    # libtiff, which unpacks what is compressed, writes its errors to stderr itself.
    with muted_stderr() if _uses_libtiff(opened) else nullcontext():
        opened.load()
    if opened.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
        ImageOps.exif_transpose(opened, in_place=True)
        steps.append("EXIF orientation")
    if opened.mode in _DEEP_GREY:
        array = _in_strips(opened, opened.mode)
    elif opened.has_transparency_data:
        grey = opened.mode in {"L", "LA", "La", "1"}
        array = _in_strips(opened, "LA" if grey else "RGBA")
        steps.append("alpha on black")
    else:
        array = _in_strips(opened, "L" if opened.mode in {"L", "1"} else "RGB")
    image = image_from_array(array, facts={**facts, "applied": ", ".join(steps)})
    if not inverted:
        return image
    steps = [*filter(None, [image.facts["applied"]]), "min-is-white inverted"]
    return Image(pixels=255 - image.pixels, facts={**image.facts, "applied": ", ".join(steps)})


def _in_strips(source: Any, mode: str) -> npt.NDArray[Any]:
    """Return the pixels of a Pillow image in ``mode``; alpha is composited on black."""
    rows = max(1, _STRIP_PIXELS // source.width)
    if source.height <= rows:
        return _to_array(source, mode)
    first = _to_array(source.crop((0, 0, source.width, rows)), mode)
    pixels = np.empty((source.height, *first.shape[1:]), first.dtype)
    pixels[:rows] = first
    for top in range(rows, source.height, rows):
        bottom = min(top + rows, source.height)
        pixels[top:bottom] = _to_array(source.crop((0, top, source.width, bottom)), mode)
    return pixels


def _to_array(source: Any, mode: str) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.asarray(source if source.mode == mode else source.convert(mode))
    if not mode.endswith("A"):
        return array
    values, alpha = array[..., :-1].astype(np.uint16), array[..., -1:].astype(np.uint16)
    shown = ((values * alpha + 127) // 255).astype(np.uint8)
    return shown[..., 0] if mode == "LA" else shown


def _uses_libtiff(opened: Any) -> bool:
    return any(tile[0] == "libtiff" for tile in opened.tile)


def _bits(opened: Any) -> int:
    """Return the bits of one sample in the file, as far as Pillow tells."""
    if opened.format == "TIFF":
        bits = opened.tag_v2.get(_BITS_PER_SAMPLE, 1)
        return int(bits[0] if isinstance(bits, tuple) else bits)
    rawmode = str(opened.tile[0][3]) if opened.format == "PNG" and opened.tile else ""
    if "16" in rawmode:
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(opened.mode, 8)


def _is_min_is_white(opened: Any) -> bool:
    # Pillow inverts up to 8 bits itself, but not 16.
    tags = getattr(opened, "tag_v2", {})
    return bool(tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return NO_IMAGE
    if isinstance(error, PILImage.DecompressionBombError):
        return "it has too many pixels to read safely"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
