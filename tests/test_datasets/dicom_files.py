"""DICOM files full of invented identities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

#: What names the people and places of every file here; nobody is called so.
IDENTITY = {
    "PatientName": "Quillonia^Zzyzxia^Wexelbart",
    "PatientID": "INVENTED-77123",
    "PatientBirthDate": "19031217",
    "PatientBirthName": "Flumadiddle",
    "OtherPatientIDs": ["ALSO-INVENTED-5", "AGAIN-INVENTED-6"],
    "PatientAddress": "1 Nowhere Lane",
    "PatientTelephoneNumbers": "555-0100-999",
    "PatientComments": "likes marmalade",
    "AccessionNumber": "ACC9988776",
    "StudyDate": "20190823",
    "StudyTime": "134512.123",
    "AcquisitionDate": "20190824",
    "StudyID": "STUDYNO-4242",
    "StudyDescription": "Thorax of Quillonia",
    "SeriesDescription": "seen by Bumbershoot",
    "InstitutionName": "Hospital of Brobdingnag",
    "InstitutionAddress": "Laputa 7",
    "InstitutionalDepartmentName": "Blefuscu ward",
    "StationName": "LILLIPUT-3",
    "ReferringPhysicianName": "Bumbershoot^Ignatz",
    "OperatorsName": "Snollygoster^Ada",
    "DeviceSerialNumber": "SN-31415926",
    "ImageComments": "Wexelbart, second try",
}
PRIVATE = "private note on Zzyzxia"


def write_dicom(path: Path, pixels: np.ndarray | None = None, **tags: object) -> Dataset:
    """Write a chest film as a scanner would, identity included, and return its dataset.

    Args:
        path: Where to.
        pixels: ``uint8`` or ``uint16``, ``(H, W)`` or ``(frames, H, W)``.
        tags: Added, replaced, or left out when None.
    """
    if pixels is None:
        pixels = np.random.default_rng(len(str(path))).integers(0, 4096, (24, 20), np.uint16)
    dataset = Dataset()
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, generate_uid(prefix="1.2.3.99."))
    bits = 12 if pixels.itemsize == 2 else 8
    given = {
        **IDENTITY, "Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA",
        "ImageLaterality": "U", "Manufacturer": "Acme Imaging", "ManufacturerModelName": "Ray 3",
        "PatientAge": "061Y", "PatientSex": "F", "InstanceNumber": 7, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1], "BitsAllocated": pixels.itemsize * 8, "BitsStored": bits,
        "HighBit": bits - 1, "PixelRepresentation": 0, "PixelSpacing": [0.2, 0.3],
        "WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits,
        "WindowCenterWidthExplanation": "as Bumbershoot likes", "BurnedInAnnotation": "NO",
        "ImageType": ["ORIGINAL", "PRIMARY"], "PixelData": pixels.tobytes(),
    }  # fmt: skip
    if pixels.ndim == 3:
        given["NumberOfFrames"] = len(pixels)
    for keyword, value in (given | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.private_block(0x0011, "ACME", create=True).add_new(1, "LO", PRIVATE)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def identifying(folder: Path) -> set[bytes]:
    """Return every text in the DICOM files below ``folder`` that points at somebody."""
    found: set[str] = set(PRIVATE.split()[-1:])
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        for keyword in (*IDENTITY, "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            value = dataset.get(keyword)
            values = value if isinstance(value, pydicom.multival.MultiValue) else [value]
            found |= {str(v) for v in values if v}
            if keyword.endswith("Name"):
                found |= {part for v in values if v for part in str(v).split("^")}
    return {text.encode() for text in found if len(text) > 3}


def leaks(texts: set[bytes], *places: Path | str) -> set[tuple[str, bytes]]:
    """Return which of ``texts`` stand, in any case, in which file name, file or string."""
    found = set()
    for place in places:
        paths = sorted(place.rglob("*")) if isinstance(place, Path) else []
        held = [(str(p), p.name.encode() + (p.read_bytes() if p.is_file() else b"")) for p in paths]
        held += [("text", place.encode())] if isinstance(place, str) else []
        found |= {(n, t) for n, content in held for t in texts if t.lower() in content.lower()}
    return found
