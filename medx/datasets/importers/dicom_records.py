"""From one DICOM header to manifest rows without an identity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medx.core.dicom_identity import IDENTITY_TAGS, Identity
from medx.core.limits import MAX_FRAMES
from medx.core.pseudonyms import Pseudonyms
from medx.datasets.manifest import Record

OLDEST_AGE = 89
MODALITIES = {
    "CR": "X-ray", "DX": "X-ray", "RG": "X-ray", "MG": "mammography", "CT": "CT", "MR": "MRI",
    "US": "ultrasound",
}  # fmt: skip

HEADER_TAGS = (
    *IDENTITY_TAGS, "SOPClassUID", "IssuerOfPatientID", "Modality", "ViewPosition",
    "ImageLaterality", "Laterality", "BodyPartExamined", "Manufacturer", "ManufacturerModelName",
    "InstanceNumber", "NumberOfFrames", "PhotometricInterpretation", "Rows", "Columns",
    "PatientAge", "PatientSex", "BurnedInAnnotation",
)  # fmt: skip

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
#: Objects that are no picture of a patient, though some hold pixels.
NO_IMAGES = frozenset({
    "AR", "AU", "DOC", "ECG", "EEG", "EPS", "FID", "HD", "KO", "M3D", "PLAN", "PR", "REG", "RESP",
    "RTDOSE", "RTPLAN", "RTRECORD", "RTSTRUCT", "RWV", "SEG", "SMR", "SR", "STAIN",
})  # fmt: skip
_FOLDER_CLASS = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One DICOM image file as the manifest may know it.

    Args:
        id: Keyed code of the SOP instance UID; the name of its copy.
        group: Keyed code of the patient.
        by_study: True when the patient is not named and the group is the study instead.
        frames: How many images it holds.
    """

    id: str
    group: str
    by_study: bool
    source: str | None
    frames: int
    columns: dict[str, str]

    def records(self, path: str, label: str | None = None) -> Iterator[Record]:
        """Return a record an image of the file at ``path``."""
        for frame in range(self.frames):
            several = self.frames > 1
            yield Record(
                id=f"{self.id}-{frame:04d}" if several else self.id,
                path=f"{path}#frame={frame}" if several else path,
                label=label,
                group=self.group,
                source=self.source,
                extra={**self.columns, "frame": str(frame)} if several else self.columns,
            )


def has_preamble(path: Path) -> bool:
    """Return True when a file starts as DICOM files do."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except (OSError, ValueError):  # no file can have such a name
        return False


def why_no_image(header: Any) -> str | None:
    """Return the kind of a DICOM object that is not an image, or None for an image.

    Raises:
        ValueError: When it says nothing of what it is.
    """
    meta = getattr(header, "file_meta", {})
    classes = {meta.get("MediaStorageSOPClassUID"), header.get("SOPClassUID")}
    if _FOLDER_CLASS in classes:
        return "DICOMDIR"
    if not (any(classes) or header.get("Modality")):
        raise ValueError("neither class nor modality")
    kind = _code(header, "Modality") or "other DICOM"
    if kind in NO_IMAGES:
        return kind
    if header.get("Rows") and header.get("Columns"):
        return None
    return f"{kind} without pixels" if kind in MODALITIES else kind


def describe_instance(header: Any, identity: Identity, pseudonyms: Pseudonyms) -> Instance:
    """Return what a manifest may say of an image; identifiers become keyed codes.

    Args:
        header: A pydicom dataset with ``HEADER_TAGS`` as far as the file has them.
        identity: What in it no column may repeat.
        pseudonyms: Where the codes come from.

    Raises:
        ValueError: When it has no SOP instance UID or an impossible frame count.
    """
    uid = _text(header, "SOPInstanceUID")
    frames = int(header.get("NumberOfFrames") or 1)
    if not uid:
        raise ValueError("no SOP instance UID")
    if not 1 <= frames <= MAX_FRAMES:
        raise ValueError(f"it claims {frames} frames")
    patient = _patient(header)
    study = _text(header, "StudyInstanceUID")
    maker, model = (_open(header, t, identity) for t in ("Manufacturer", "ManufacturerModelName"))
    columns = {
        "modality": _code(header, "Modality", identity),
        "view": _code(header, "ViewPosition", identity),
        "laterality": _code(header, "ImageLaterality", identity)
        or _code(header, "Laterality", identity),
        "body_part": _code(header, "BodyPartExamined", identity),
        "manufacturer": maker,
        "model": model,
        "study": pseudonyms.code("study", study) if study else "",
        "series": _keyed(header, "SeriesInstanceUID", pseudonyms, "series"),
        "station": _keyed(header, "StationName", pseudonyms, "station"),
        "instance_number": _number(header, "InstanceNumber"),
        "frames": str(frames),
        "photometric": _code(header, "PhotometricInterpretation", identity),
        "rows": _number(header, "Rows"),
        "columns": _number(header, "Columns"),
        "age": age_in_years(_text(header, "PatientAge")),
        "sex": sex if (sex := _code(header, "PatientSex")) in {"M", "F", "O"} else "",
        "burned_in": burned_in(header),
    }
    return Instance(
        id=pseudonyms.code("instance", uid),
        group=pseudonyms.code("patient", *patient) if patient else columns["study"],
        by_study=not patient,
        source=_source(header, maker, model, pseudonyms),
        frames=frames,
        columns={name: value for name, value in columns.items() if value},
    )


def age_in_years(age: str) -> str:
    """Return a DICOM age as whole years, ``90+`` above 89, or nothing when it is none."""
    match = re.fullmatch(r"(\d{1,3})([YMWD]?)", age.upper())
    if not match:
        return ""
    years = int(int(match[1]) / {"Y": 1, "": 1, "M": 12, "W": 52.18, "D": 365.25}[match[2]])
    return str(years) if years <= OLDEST_AGE else f"{OLDEST_AGE + 1}+"


def burned_in(header: Any) -> str:
    """Return ``declared`` or ``possible`` where text may stand in the pixels themselves."""
    if _code(header, "BurnedInAnnotation") == "YES":
        return "declared"
    secondary = _text(header, "SOPClassUID").startswith(_SECONDARY_CAPTURE)
    return "possible" if secondary and _code(header, "BurnedInAnnotation") != "NO" else ""


def _patient(header: Any) -> tuple[str, ...]:
    """Return what tells a patient from others, or nothing when the file does not."""
    if number := _text(header, "PatientID"):
        return tuple(part for part in (_text(header, "IssuerOfPatientID"), number) if part)
    name, born = _text(header, "PatientName"), _text(header, "PatientBirthDate")
    return (name.casefold(), born) if name.strip("^= ") else ()


def _source(header: Any, maker: str, model: str, pseudonyms: Pseudonyms) -> str | None:
    """Return maker, model and a code of the institution, or of the station when it has none."""
    place = next(
        (" ".join(t.casefold().split()) for t in map(header.get, ("InstitutionName", "StationName"))
         if isinstance(t, str) and t.strip()),
        "",
    )  # fmt: skip
    code = pseudonyms.code("place", place)[:8] if place else ""
    return " ".join(part for part in (maker, model, code) if part) or None


def _keyed(header: Any, tag: str, pseudonyms: Pseudonyms, kind: str) -> str:
    value = _text(header, tag)
    return pseudonyms.code(kind, value) if value else ""


def _text(header: Any, tag: str) -> str:
    return str(header.get(tag) or "").strip()


def _code(header: Any, tag: str, identity: Identity | None = None) -> str:
    """Return a DICOM code, or nothing when it is other text or a name in this file."""
    value = _text(header, tag).upper()
    if not re.fullmatch(r"[A-Z0-9_ ]{1,16}", value) or (identity and identity.is_in_text(value)):
        return ""
    return value


def _open(header: Any, tag: str, identity: Identity) -> str:
    """Return a maker's or model's name unless it repeats a name or place of the file."""
    value = " ".join(_text(header, tag).split())
    return "" if identity.is_in_text(value) else value


def _number(header: Any, tag: str) -> str:
    try:
        return str(int(header.get(tag)))
    except (TypeError, ValueError):
        return ""
