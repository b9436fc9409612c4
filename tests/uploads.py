"""Files as clients send them, good and hostile."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image as PILImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
)

PATIENT = {
    "PatientName": "Meyerbeer^Aurelia",
    "PatientID": "ZX-99817263",
    "PatientBirthDate": "19310417",
    "AccessionNumber": "ACC5550123",
    "InstitutionName": "Sankt Kunigund",
    "ReferringPhysicianName": "Quagliarella^Otto",
    "StudyDescription": "Thorax Meyerbeer",
}


def png(pixels: np.ndarray) -> bytes:
    return _saved(pixels, "PNG")


def square(size: int = 28, *, seed: int = 0, at: int = 4) -> np.ndarray:
    """Return noise with a bright square, as the drawn datasets have it."""
    pixels = np.random.default_rng(seed).integers(0, 90, (size, size), dtype=np.uint8)
    pixels[4:11, at : at + 7] += 120
    return pixels


def tiff_pages(*pages: np.ndarray) -> bytes:
    stream = io.BytesIO()
    first, *rest = [PILImage.fromarray(page) for page in pages]
    first.save(stream, format="TIFF", save_all=True, append_images=rest)
    return stream.getvalue()


def dicom(pixels: np.ndarray, *, deflated: bool = False, **values: object) -> bytes:
    """Return a DICOM file with a patient in it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, "1.2.3"
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian if deflated else ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    for name, value in {**PATIENT, **values}.items():
        setattr(dataset, name, value)
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def png_bomb(side: int = 60_000) -> bytes:
    """Return a PNG of a few megabytes that says it has ``side`` squared pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + _chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """Return a small PNG with a comment that inflates to 64 MiB."""
    good = png(square())
    comment = b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9)
    return good[:33] + _chunk(b"zTXt", comment) + good[33:]


def zip_bomb(name: str = "image.npy") -> bytes:
    """Return a ZIP archive whose one member inflates to 1 GiB of zeros, as NPY."""
    stream = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (32768, 32768)}
    )
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        for _ in range(64):
            member.write(bytes(1 << 24))
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    """Return a NPY file that promises an array and holds nothing of it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


def _saved(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    PILImage.fromarray(pixels).save(stream, format=kind)
    return stream.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
