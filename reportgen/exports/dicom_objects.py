"""What all DICOM objects made from a report share."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from importlib.metadata import version
from typing import Any

from highdicom import UID, SOPClass
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from medx.core.errors import InputError, MedxError
from medx.core.quiet import quiet
from reportgen.exports.document import ReportDocument
from reportgen.exports.study import MAY_BE_EMPTY, STUDY_UIDS, Study

UNICODE = "ISO_IR 192"
#: Scanners number their series from 1; these come after them in a viewer.
SERIES_NUMBERS = {"SR": 9701, "SC": 9702, "DOC": 9703}
LONG_STRING = 64


def equipment(document: ReportDocument) -> dict[str, Any]:
    """Return the arguments that say which program made an object; highdicom takes them."""
    return {
        "manufacturer": "medx",
        "manufacturer_model_name": document.provenance["engine"][:LONG_STRING],
        "software_versions": version("medx")[:LONG_STRING],
        "specific_character_set": UNICODE,
    }


def new_series(kind: str, document: ReportDocument) -> dict[str, Any]:
    """Return the arguments of a series of its own with new UIDs.

    Args:
        kind: A key of ``SERIES_NUMBERS``.
        document: Its marks go into the description that a viewer lists.
    """
    marks = ["not for clinical use"]
    marks += ["MOCK"] if document.is_mock else []
    marks += ["SYNTHETIC"] if document.synthetic else []
    return {
        "series_instance_uid": UID(),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": UID(),
        "instance_number": 1,
        "series_description": f"medx draft report: {', '.join(marks)}"[:LONG_STRING],
    }


def written_at(document: ReportDocument, study: Study) -> dict[str, Any]:
    """Return the arguments that say when the report was written, by the source's clock."""
    written = datetime.fromisoformat(document.created).astimezone(_zone(study))
    return {"content_date": written.date(), "content_time": written.time()}


def copy_study(made: SOPClass, study: Study) -> None:
    """Add the source's patient and study, whose times are in the source's time zone."""
    made.copy_patient_and_study_information(study.header)
    if zone := _zone(study):
        now = datetime.now(zone)
        made.TimezoneOffsetFromUTC = now.strftime("%z")
        made.InstanceCreationDate = now.strftime("%Y%m%d")
        made.InstanceCreationTime = now.strftime("%H%M%S.%f")


def _zone(study: Study) -> tzinfo | None:
    """Return the source's time zone; None, which is this machine's, where it names none."""
    offset = str(study.header.get("TimezoneOffsetFromUTC") or "").strip()
    if not re.fullmatch(r"[+-](0\d|1[0-4])[0-5]\d", offset):
        return None
    return datetime.strptime(offset, "%z").tzinfo


def bare_header(study: Study) -> Dataset:
    """Return a header that says which study it is and nothing of the patient.

    highdicom refuses sexes and dates that are in use though DICOM has no such value; objects are
    made from this, and ``copy_study`` adds the patient as the source has it.
    """
    bare = Dataset()
    for keyword in STUDY_UIDS:
        setattr(bare, keyword, study.header[keyword].value)
    for keyword in MAY_BE_EMPTY:
        setattr(bare, keyword, None)
    return bare


def reference_to(study: Study) -> Dataset:
    """Return an item of a sequence that points at the source image."""
    item = Dataset()
    item.ReferencedSOPClassUID = study.header.SOPClassUID
    item.ReferencedSOPInstanceUID = study.header.SOPInstanceUID
    if study.frame:
        item.ReferencedFrameNumber = study.frame
    return item


def code_item(code: Code) -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def file_bytes(dataset: Dataset) -> bytes:
    """Return a DICOM object as the bytes of a file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@contextmanager
def refusing_odd_headers() -> Iterator[None]:
    """Turn what libraries say of a source's header into an error that quotes none of it."""
    try:
        with quiet():
            yield
    except MedxError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "the source's patient and study attributes cannot be copied "
            f"({type(error).__name__}): one of them breaks the DICOM standard",
            hint="check the source with dciodvfy, or take the format pdf, html, md or fhir",
        ) from None
