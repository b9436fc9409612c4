"""Small valid image files of every kind the reader takes, by name."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image as PILImage
from pydicom.uid import DeflatedExplicitVRLittleEndian

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
GREY = (np.add.outer(np.arange(24), np.arange(20)) * 5).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)
DEEP = GREY.astype(np.uint16) * 257

_DICOM = [
    "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_small_odd_jpeg.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm", "JPGExtended.dcm",
    "SC_rgb_gdcm_KY.dcm", "SC_rgb_rle_16bit_2frame.dcm", "rtdose.dcm", "image_dfl.dcm",
    "SC_rgb_small_odd.dcm", "ExplVR_BigEnd.dcm",
]  # fmt: skip


def make_seeds() -> dict[str, bytes]:
    """Return the content of each file."""
    seeds = {f"dicom-{name}": (BUNDLED / name).read_bytes() for name in _DICOM}
    return seeds | _rasters() | _arrays() | {"dicom-enhanced.dcm": _enhanced()}


def _rasters() -> dict[str, bytes]:
    alpha = np.dstack([COLOUR, GREY])
    palette = PILImage.fromarray(COLOUR).quantize(8)
    turned = PILImage.Exif()
    turned[0x0112] = 6
    grey, colour = PILImage.fromarray(GREY), PILImage.fromarray(COLOUR)
    return {
        "grey.png": _saved(grey, "PNG"),
        "deep.png": _saved(PILImage.fromarray(DEEP), "PNG"),
        "alpha.png": _saved(PILImage.fromarray(alpha), "PNG"),
        "palette.png": _saved(palette, "PNG", transparency=2),
        "bit.png": _saved(grey.convert("1"), "PNG"),
        "grey.jpg": _saved(grey, "JPEG"),
        "colour.jpg": _saved(colour, "JPEG", exif=turned),
        "progressive.jpg": _saved(colour, "JPEG", progressive=True),
        "cmyk.jpg": _saved(colour.convert("CMYK"), "JPEG"),
        "grey.bmp": _saved(grey, "BMP"),
        "colour.bmp": _saved(colour, "BMP"),
        "bit.bmp": _saved(grey.convert("1"), "BMP"),
        "deep.tif": _saved(PILImage.fromarray(DEEP), "TIFF"),
        "lzw.tif": _saved(colour, "TIFF", compression="tiff_lzw"),
        "deflate.tif": _saved(grey, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": _saved(colour, "TIFF", compression="jpeg"),
        "fax.tif": _saved(grey.convert("1"), "TIFF", compression="group4"),
        "pages.tif": _saved(grey, "TIFF", save_all=True, append_images=[colour, grey]),
        "float.tif": _saved(PILImage.fromarray(GREY.astype(np.float32)), "TIFF"),
    }


def _arrays() -> dict[str, bytes]:
    archive = io.BytesIO()
    np.savez_compressed(archive, image=DEEP, label=np.array(3))
    return {
        "grey.npy": _npy(GREY),
        "float.npy": _npy(GREY.astype(np.float64)),
        "stack.npy": _npy(np.stack([GREY] * 5)),
        "colour.npy": _npy(COLOUR),
        "image.npz": archive.getvalue(),
    }


def _enhanced() -> bytes:
    """Return a multi-frame file whose rescale, window and spacing are in functional groups."""
    dataset = pydicom.dcmread(BUNDLED / "rtdose.dcm")
    dataset.SharedFunctionalGroupsSequence = [pydicom.Dataset()]
    measures = pydicom.Dataset()
    measures.PixelSpacing = [0.5, 0.25]
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence = [measures]
    frames = []
    for frame in range(15):
        window, group = pydicom.Dataset(), pydicom.Dataset()
        window.WindowCenter, window.WindowWidth = 10**6 * (frame + 1), 10**6
        group.FrameVOILUTSequence = [window]
        frames.append(group)
    dataset.PerFrameFunctionalGroupsSequence = frames
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()


def _saved(image: PILImage.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def _npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def deflate(dataset: pydicom.Dataset) -> bytes:
    """Return a dataset deflated, with whatever it holds."""
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with its true checksum."""
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def deflated(content: bytes) -> bytes:
    """Return content as a PNG compresses it."""
    return zlib.compress(content)
