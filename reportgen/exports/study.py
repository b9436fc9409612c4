"""The DICOM study an image came from: read for what is exported into it, and for nothing else.

Patient and study attributes live in memory and go into DICOM objects only. No message quotes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.config import RAISE
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.valuerep import validate_value

from medx.core.console import warn
from medx.core.errors import InputError
from medx.core.images import Pixels, count_frames, read_image
from medx.core.quiet import quiet
from reportgen.item import pixels_sha256

STUDY_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
#: Type 2: every object has them, empty where unknown; de-identified files often lack them.
MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
    "StudyDate", "StudyTime", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Study:
    """The header of a source image.

    Args:
        header: Its attributes without the pixels, in Unicode.
        frame: Which frame the report is about, from 1; None when the file holds one image.
    """

    header: Dataset
    frame: int | None = None


def read_source(path: Path, sha256: str) -> tuple[Pixels, int]:
    """Return the pixels a report was written on, and their frame in the file, from 0.

    Args:
        path: An image file.
        sha256: Hash of the pixels the report was written on.

    Raises:
        InputError: When the file holds another image: no report may reach another patient.
    """
    for frame in range(count_frames(path)):
        pixels = read_image(path, frame=frame).pixels
        if pixels_sha256(pixels) == sha256:
            return pixels, frame
    raise InputError(
        f"{path} is not the image the report was written on: its pixels are others",
        hint="pass the file that `medx report generate` was given",
    )


def read_study(path: Path, frame: int) -> Study:
    """Read the header of a DICOM file.

    Args:
        path: The file.
        frame: Which of its frames, from 0.

    Raises:
        InputError: When it is no DICOM file or does not say its study.
    """
    try:
        with quiet():
            header = pydicom.dcmread(path, stop_before_pixels=True)
            dropped = _clean(header)
    except Exception:  # pydicom's messages may quote what names the patient
        raise InputError(
            f"{path} is no DICOM file that can be read: there is no study to refer to",
            hint="pass the DICOM file as --source, or take the format pdf, html, md or fhir",
        ) from None
    if dropped:
        warn(f"not taken from {path.name}, for DICOM forbids their values: {', '.join(dropped)}")
    missing = [keyword for keyword in STUDY_UIDS if not header.get(keyword)]
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(missing)}: there is no study to refer to",
            hint="take the format pdf, html, md or fhir",
        )
    for keyword in MAY_BE_EMPTY:
        if keyword not in header:
            setattr(header, keyword, "")
    frames = int(header.get("NumberOfFrames") or 1)
    return Study(header=header, frame=frame + 1 if frames > 1 else None)


def _clean(header: Any) -> list[str]:
    """Turn texts into Unicode and drop what is private or breaks DICOM; return what broke it.

    What archives file by is kept as it stands as far as it can be read.
    """
    dropped = []
    for tag in list(header.keys()):
        if tag.is_private or not _is_sound(header, tag):
            del header[tag]
            if not tag.is_private:
                dropped.append(keyword_for_tag(tag) or str(tag))
    header.remove_private_tags()  # those within sequences
    header.decode()
    header.SpecificCharacterSet = "ISO_IR 192"
    return dropped


def _is_sound(header: Any, tag: Any) -> bool:
    try:
        element = header[tag]
        if element.VR == "SQ" or element.is_empty or element.keyword in MAY_BE_EMPTY:
            return True
        values = element.value if element.VM > 1 else [element.value]
        for value in values:
            if isinstance(value, str):  # numbers were read, so they are numbers
                validate_value(element.VR, value, RAISE)
    except Exception:  # a value of no such kind fails anyhow
        return False
    return True
