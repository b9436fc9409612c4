"""DICOM files made for tests: any photometric, depth, sign and transfer syntax."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image as PILImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

NATIVE = [
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]  # fmt: skip
LOSSLESS = [RLELossless, JPEG2000Lossless, JPEGLSLossless]


def make_dicom(
    stored: np.ndarray,
    *,
    syntax: str = ExplicitVRLittleEndian,
    photometric: str = "MONOCHROME2",
    bits: int = 0,
    **tags: object,
) -> FileDataset:
    """Return a dataset of stored values ``(H, W)``, ``(H, W, 3)``, or ``frames=n`` of them.

    A tag given as None is left out.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax in LOSSLESS else syntax
    dataset = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
    )
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "SECRET-17"
    frames = tags.pop("frames", 1)
    rows_at = 1 if frames > 1 else 0
    dataset.Rows, dataset.Columns = stored.shape[rows_at : rows_at + 2]
    dataset.SamplesPerPixel = 3 if stored.ndim - rows_at == 3 else 1
    if frames > 1:
        dataset.NumberOfFrames = frames
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    for name, value in tags.items():
        setattr(dataset, name, value)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    content = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    vr = "OB" if stored.dtype.itemsize == 1 else "OW"
    dataset.add_new("PixelData", vr, content + b"\0" * (len(content) % 2))
    if syntax in LOSSLESS:
        dataset.compress(syntax)
    return dataset


def save(dataset: pydicom.Dataset, path: Path) -> Path:
    """Write a dataset and return where."""
    dataset.save_as(path)
    return path


def write_dicom(path: Path, stored: np.ndarray, **options: object) -> Path:
    """Write ``make_dicom`` and return where."""
    return save(make_dicom(stored, **options), path)


def make_jpeg(pixels: np.ndarray, **tags: object) -> FileDataset:
    """Return JPEG baseline of grey or RGB pixels at quality 95."""
    target = io.BytesIO()
    PILImage.fromarray(pixels).save(target, "JPEG", quality=95, subsampling="4:2:2")
    photometric = "MONOCHROME2" if pixels.ndim == 2 else "YBR_FULL_422"
    dataset = make_dicom(pixels, syntax=JPEGBaseline8Bit, photometric=photometric, **tags)
    dataset.PixelData = encapsulate([target.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    return dataset


def lut_item(descriptor: list[int], data: list[int]) -> pydicom.Dataset:
    """Return an item of a modality or VOI LUT sequence."""
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "US", data)
    return item
