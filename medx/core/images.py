"""The one way in: any medical image file to display-ready pixels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageOps, UnidentifiedImageError

from medx.core.errors import InputError

Pixels = npt.NDArray[np.uint8]

#: Files beyond these are refused before they are decoded (decompression bombs).
MAX_PIXELS = 120_000_000
MAX_BYTES = 1 << 30

RASTER_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ""})
IMAGE_SUFFIXES = RASTER_SUFFIXES | {".npy", ".dcm", ".dicom"}


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels ready to show, with what was done to get them.

    Args:
        pixels: ``uint8`` array ``(H, W)`` or ``(H, W, 3)``, 0 black to 255 white.
        spacing: Row and column spacing in mm, or None when the file does not say.
        facts: Format, bit depth and the steps applied; never an identifying tag.
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def native_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def resized(self, size: int) -> Pixels:
        """Return the pixels at ``(size, size)``, antialiased, whole image kept."""
        return resize(self.pixels, size)


def read_image(path: str | Path, *, frame: int = 0) -> Image:
    """Read a PNG, JPEG, TIFF, BMP, NPY or single-frame DICOM file.

    DICOM passes modality LUT or rescale, then VOI LUT or window, then MONOCHROME1 inversion. Values
    of more than 8 bits without either are stretched between their 0.5 and 99.5 percentiles.

    Raises:
        InputError: When the file is missing, not an image, truncated or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such image file: {path}", hint="check the path")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _read_npy(path)
    if suffix in DICOM_SUFFIXES or _has_dicom_preamble(path):
        return _read_dicom(path)
    return _read_raster(path)


def image_from_array(pixels: npt.NDArray[Any], *, facts: Mapping[str, str] | None = None) -> Image:
    """Return an ``Image`` of an array ``(H, W)`` or ``(H, W, 3)`` of any numeric dtype.

    Raises:
        InputError: When the shape or dtype cannot be an image.
    """
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    good_shape = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not good_shape or not np.issubdtype(pixels.dtype, np.number) or pixels.size == 0:
        raise InputError(f"not an image: array of shape {pixels.shape} and dtype {pixels.dtype}")
    applied = dict(facts or {})
    if pixels.dtype != np.uint8:
        pixels = _stretch_percentiles(pixels.astype(np.float32))
        applied["window"] = "0.5-99.5 percentiles"
    return Image(pixels=np.ascontiguousarray(pixels), facts=applied)


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
    """Return the image files below ``folder``, sorted.

    Raises:
        InputError: When the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}", hint="check the path")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"no images in {folder}", hint=f"medx reads {kinds}")
    return paths


def _read_raster(path: Path) -> Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PILImage.DecompressionBombWarning)
            with PILImage.open(path) as opened:
                _check_pixels(path, opened.height, opened.width)
                source = ImageOps.exif_transpose(opened)
                source.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise InputError(f"{path} has too many pixels to read safely") from error
    facts = {"format": source.format or path.suffix.lstrip(".").upper(), "mode": source.mode}
    if source.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        return image_from_array(np.asarray(source), facts=facts)
    if source.mode == "1":
        return image_from_array(np.asarray(source.convert("L")), facts=facts)
    grey = source.mode in {"L", "LA"}
    return image_from_array(np.asarray(source.convert("L" if grey else "RGB")), facts=facts)


def _read_npy(path: Path) -> Image:
    try:
        # Mapped, a header that promises too much costs no memory.
        mapped = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # the header's parser raises anything on a damaged one
        raise _unreadable(path, error) from error
    _check_pixels(path, *(mapped.shape[:2] if mapped.ndim >= 2 else (0, 0)))
    return image_from_array(np.array(mapped), facts={"format": "NPY", "dtype": str(mapped.dtype)})


def _read_dicom(path: Path) -> Image:
    import pydicom

    try:
        with warnings.catch_warnings():
            # pydicom warns of every off-standard value; the file reads or it does not.
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path)
            _check_pixels(path, int(dataset.Rows), int(dataset.Columns))
            if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
                raise InputError(f"{path} holds several frames", hint="export single frames")
            pixels, steps = _displayed(dataset)
            spacing = _read_spacing(dataset)
    except InputError:
        raise
    except Exception as error:  # decoders raise anything on a damaged stream
        raise _unreadable(path, error) from error
    return Image(
        pixels=image_from_array(pixels).pixels,
        spacing=spacing,
        facts={
            "format": "DICOM",
            "modality": str(dataset.get("Modality", "")),
            "bits": str(dataset.get("BitsStored", "")),
            "applied": ", ".join(steps),
        },
    )


def _displayed(dataset: Any) -> tuple[Pixels, list[str]]:
    """Return a DICOM dataset's pixels as a viewer shows them, and the steps that took."""
    from pydicom.pixels import apply_modality_lut

    array, steps = dataset.pixel_array, []
    if array.ndim == 2:
        stored, array = array, apply_modality_lut(array, dataset)
        if np.array_equal(array, stored):  # a slope of 1 and an intercept of 0 are common
            array = stored
        else:
            steps.append("modality LUT" if dataset.get("ModalityLUTSequence") else "rescale")
        if step := _voi_step(dataset):
            array = _apply_voi(array, dataset, step)
            steps.append(step)
    if array.dtype != np.uint8:
        array = _stretch_percentiles(np.asarray(array, np.float32))
        steps.append("0.5-99.5 percentiles")
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        array = 255 - array
        steps.append("MONOCHROME1 inverted")
    return array, steps


def _voi_step(dataset: Any) -> str | None:
    lut = (dataset.get("VOILUTSequence") or [{}])[0]
    if lut.get("LUTDescriptor") is not None and lut.get("LUTData") is not None:
        return "VOI LUT"
    window = (dataset.get("WindowCenter"), dataset.get("WindowWidth"))
    return None if None in window else "window"


def _apply_voi(array: npt.NDArray[Any], dataset: Any, step: str) -> Pixels:
    """Apply the VOI LUT or window; its whole output range becomes 0 to 255 (PS3.3 C.11.2)."""
    from pydicom.pixels import apply_voi, apply_windowing

    if step == "VOI LUT":
        array = apply_voi(array, dataset)
        low, high = 0, 2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
    else:
        array = apply_windowing(array, dataset)
        # What lies below and above every window gets the ends of its output range.
        low, high = apply_windowing(np.array([-np.inf, np.inf]), dataset)
    scaled = np.clip((array.astype(np.float32) - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint(scaled * 255.0), np.uint8)


def _read_spacing(dataset: Any) -> tuple[float, float] | None:
    spacing = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    try:
        row, column = spacing
        return float(row), float(column)
    except (TypeError, ValueError):  # absent, or not the two numbers it should be
        return None


def _stretch_percentiles(values: npt.NDArray[np.float32]) -> Pixels:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite, [0.5, 99.5])
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    if high <= low:  # a constant image has no contrast to stretch
        return np.zeros(values.shape, np.uint8)
    scaled = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint(scaled * 255.0), np.uint8)


def _check_pixels(path: Path, height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise InputError(f"{path} has {height}×{width} pixels, more than medx reads safely")


def _has_dicom_preamble(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(
        f"cannot read {path} as an image: {reason}",
        hint="the file may be truncated or of another type; open it in a viewer to check",
    )
