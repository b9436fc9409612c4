"""What a result calls a query file: its path, unless that names the patient."""

from __future__ import annotations

from pathlib import Path

from medx.core.dicom_identity import IDENTITY_TAGS, Identity
from medx.core.images import DICOM_SUFFIXES
from medx.core.quiet import quiet

HIDDEN = "a DICOM file whose path names its patient"


def shown_path(path: str) -> str:
    """Return ``path`` as given, or ``HIDDEN`` where a DICOM header's identity stands in it."""
    identity = _identity(Path(path))
    return HIDDEN if identity is not None and identity.is_in_path(path) else path


def _identity(path: Path) -> Identity | None:
    from medx.datasets.importers.dicom import read_header
    from medx.datasets.importers.dicom_records import has_preamble

    if path.suffix.lower() not in DICOM_SUFFIXES and not has_preamble(path):
        return None
    with quiet():
        try:
            return Identity(read_header(path, IDENTITY_TAGS, force=True))
        except Exception:  # pydicom raises anything; a damaged file is told of when it is read
            return None
