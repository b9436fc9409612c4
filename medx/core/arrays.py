"""NPY and NPZ files to display-ready pixels; nothing pickled is ever loaded."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.core.limits import check_decoded, check_floats, check_frame, check_pixels, unreadable
from medx.core.pixels import Image, has_table, image_from_array
from medx.core.quiet import quiet

_CHANNELS = (1, 3)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def is_image(self) -> bool:
        return len(self.shape) in {2, 3, 4} and self.dtype.kind in "buif"


def read_npy(path: Path, frame: int) -> Image:
    """Read a NPY file that holds ``(H, W)``, ``(H, W, 3)``, or frames of either."""
    try:
        with quiet(), path.open("rb") as stream:
            header = _read_header(stream)
            frames = _check(path, header, frame)
        with quiet():
            # Mapped, a header that promises too much costs no memory, nor do the other frames.
            mapped = np.lib.format.open_memmap(path, mode="r")
            return _image(np.array(_one_frame(mapped, frame, frames)), "NPY", header)
    except InputError:
        raise
    except Exception as error:  # the header's parser raises anything on a damaged one
        raise unreadable(path, _reason(error)) from error


def read_npz(path: Path, frame: int) -> Image:
    """Read the one image array of a NPZ file."""
    try:
        with quiet(), path.open("rb") as file, zipfile.ZipFile(file) as archive:
            member, header = _find_image(path, archive)
            frames = _check(path, header, frame)
            check_decoded(path, archive.getinfo(member).file_size)
            with archive.open(member) as stream:
                array = np.lib.format.read_array(stream, allow_pickle=False)
            return _image(_one_frame(array, frame, frames), "NPZ", header)
    except InputError:
        raise
    except Exception as error:
        raise unreadable(path, _reason(error)) from error


def count_array_frames(path: Path) -> int:
    """Return how many images the array of a NPY or NPZ file holds."""
    try:
        with quiet(), path.open("rb") as stream:
            if not stream.read(2).startswith(b"PK"):
                stream.seek(0)
                return _check(path, _read_header(stream), 0)
            with zipfile.ZipFile(stream) as archive:
                return _check(path, _find_image(path, archive)[1], 0)
    except InputError:
        raise
    except Exception as error:
        raise unreadable(path, _reason(error)) from error


def _find_image(path: Path, archive: zipfile.ZipFile) -> tuple[str, _Header]:
    found, keys = [], []
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        with archive.open(info) as stream:
            header = _read_header(stream)
        keys.append(info.filename.removesuffix(".npy"))
        # Read whole, an array must not be longer than the archive says it is.
        if header.is_image and math.prod(header.shape) * header.dtype.itemsize <= info.file_size:
            found.append((info.filename, header))
    if len(found) == 1:
        return found[0]
    listed = ", ".join(key[:40] for key in keys[:8]) or "nothing"
    count = "several image arrays" if found else "no image array"
    raise InputError(
        f"{path} holds {count}: {listed}", hint="save one image array a file, or use NPY"
    )


def _read_header(stream: IO[bytes]) -> _Header:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError("its NPY version is unknown")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which medx never loads")
    return _Header(tuple(shape), dtype)


def _check(path: Path, header: _Header, frame: int) -> int:
    """Return the number of frames, 0 when the array is a single image; refuse what is unsafe."""
    if not header.is_image:
        raise unreadable(path, f"not an image: array of {header.shape} and {header.dtype}")
    shape, size = header.shape, header.shape[:2]
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] in _CHANNELS):
        frames = 0
    elif len(shape) == 3 and shape[0] == 3:
        raise InputError(
            f"{path} is ambiguous: {shape} may be three frames or three colours",
            hint="save colour as (H, W, 3), frames as (F, H, W, 1)",
        )
    elif len(shape) == 3 or shape[-1] in _CHANNELS:
        frames, size = shape[0], shape[1:3]
    else:
        raise unreadable(path, f"not an image: array of {shape} and {header.dtype}")
    check_frame(path, frame, frames or (0 if 0 in shape else 1))
    check_pixels(path, size[0], size[1])
    pixels = math.prod(shape[1 if frames else 0 :])
    check_decoded(path, pixels * header.dtype.itemsize)
    if not has_table(header.dtype):
        check_floats(path, pixels)
    return frames


def _one_frame(array: npt.NDArray[Any], frame: int, frames: int) -> npt.NDArray[Any]:
    image: npt.NDArray[Any] = array[frame] if frames else array
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


def _image(array: npt.NDArray[Any], kind: str, header: _Header) -> Image:
    bits = 1 if header.dtype.kind == "b" else header.dtype.itemsize * 8
    facts = {"format": kind, "dtype": str(header.dtype), "bits": str(bits), "applied": ""}
    return image_from_array(array, facts=facts)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).partition("\n")[0] or type(error).__name__
