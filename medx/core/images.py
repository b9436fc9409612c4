"""The one way in: any medical image file to display-ready pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as PILImage

from medx.core import limits
from medx.core.arrays import count_array_frames, read_npy, read_npz
from medx.core.dicom import count_dicom_frames, read_dicom
from medx.core.errors import InputError
from medx.core.pixels import Image, Pixels, image_from_array
from medx.core.raster import count_raster_frames, read_raster

__all__ = [
    "DICOM_SUFFIXES", "IMAGE_SUFFIXES", "RASTER_SUFFIXES", "Image", "Pixels", "count_frames",
    "image_from_array", "list_images", "read_image", "resize", "to_grey", "to_rgb",
]  # fmt: skip

RASTER_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ""})
IMAGE_SUFFIXES = RASTER_SUFFIXES | {".npy", ".npz", ".dcm", ".dicom"}

_RASTER_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")


class _Kind(NamedTuple):
    read: Callable[[Path, int], Image]
    count_frames: Callable[[Path], int]


_RASTER = _Kind(read_raster, count_raster_frames)
_NPY = _Kind(read_npy, count_array_frames)
_NPZ = _Kind(read_npz, count_array_frames)
_DICOM = _Kind(read_dicom, count_dicom_frames)


def read_image(path: str | Path, *, frame: int = 0) -> Image:
    """Read one image of a PNG, JPEG, TIFF, BMP, NPY, NPZ or DICOM file.

    What the file holds decides, not how it is called. DICOM passes modality LUT or rescale, then
    VOI LUT or window, then MONOCHROME1 inversion. Values of more than 8 bits without either are
    stretched between their 0.5 and 99.5 percentiles. Transparent pixels lie on black.

    Args:
        path: The file.
        frame: Which frame, page or slice of several, from 0.

    Raises:
        InputError: When the file is missing, not an image, truncated or too large, or has no
            such frame.
    """
    path = Path(path)
    return _kind_of(path).read(path, frame)


def count_frames(path: str | Path) -> int:
    """Return how many images ``read_image`` can take from a file, without decoding them.

    Raises:
        InputError: When the file is missing or not an image.
    """
    path = Path(path)
    return max(1, _kind_of(path).count_frames(path))


def resize(pixels: Pixels, size: int) -> Pixels:
    """Resize ``(H, W[, 3])`` uint8 pixels to ``(size, size)`` with antialiased bilinear weights."""
    if pixels.shape[:2] == (size, size):
        return pixels
    resized = PILImage.fromarray(pixels).resize((size, size), PILImage.Resampling.BILINEAR)
    return np.asarray(resized)


def to_grey(pixels: Pixels) -> Pixels:
    """Return ``(H, W)`` luminance of grey or RGB pixels (ITU-R 601-2)."""
    if pixels.ndim == 2:
        return pixels
    return np.asarray(PILImage.fromarray(pixels).convert("L"))


def to_rgb(pixels: Pixels) -> Pixels:
    """Return ``(H, W, 3)`` pixels of grey or RGB ones."""
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def list_images(folder: Path) -> list[Path]:
    """Return the image files below ``folder``, sorted; DICOM files whatever they are called.

    Raises:
        InputError: When the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}", hint="check the path")
    paths = sorted(path for path in folder.rglob("*") if _is_image(path))
    if not paths:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"no images in {folder}", hint=f"medx reads {kinds}")
    return paths


def _is_image(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    try:  # the index of a disc has DICOM's mark, too
        return path.name != "DICOMDIR" and _starts_as_dicom(_first_bytes(path))
    except OSError:  # not ours to read, so not an image of this folder
        return False


def _kind_of(path: Path) -> _Kind:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not an image", hint="name a file in it")
        if not path.is_file():
            raise InputError(f"no such image file: {path}", hint="check the path")
        size, start = path.stat().st_size, _first_bytes(path)
    except (OSError, ValueError) as error:  # a name with a NUL byte is a ValueError
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise limits.unreadable(path, reason) from error
    if size == 0:
        raise limits.unreadable(path, "it is empty")
    if size > limits.MAX_BYTES:
        raise InputError(
            f"{path} is larger than {limits.MAX_BYTES >> 20} MiB",
            hint="export its frames one by one",
        )
    return _kind_by_content(start) or _kind_by_suffix(path)


def _kind_by_content(start: bytes) -> _Kind | None:
    if _starts_as_dicom(start):  # first: its preamble may be that of a TIFF
        return _DICOM
    if start.startswith(_RASTER_STARTS):
        return _RASTER
    if start.startswith(b"\x93NUMPY"):
        return _NPY
    return _NPZ if start.startswith(b"PK\x03\x04") else None


def _kind_by_suffix(path: Path) -> _Kind:
    if path.suffix.lower() in DICOM_SUFFIXES:
        return _DICOM
    return _NPY if path.suffix.lower() == ".npy" else _RASTER


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(132)


def _starts_as_dicom(start: bytes) -> bool:
    return start[128:132] == b"DICM"
