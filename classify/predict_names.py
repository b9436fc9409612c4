"""What predictions call their images: the path, unless it names the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medx.core.dicom_identity import IDENTITY_TAGS, Identity
from medx.core.images import DICOM_SUFFIXES
from medx.core.quiet import quiet
from medx.core.words import many
from medx.datasets.importers.dicom import read_header
from medx.datasets.importers.dicom_records import has_preamble


@dataclass(frozen=True, kw_only=True)
class FileNames:
    """Names for the files of one input.

    Args:
        source: The input itself.
        ids: One a file.
        hidden: How many paths name their patient; those files go by their place in the list.
    """

    source: str
    ids: tuple[str, ...]
    hidden: int

    @property
    def note(self) -> str | None:
        """What to say of files that do not go by their path."""
        if not self.hidden:
            return None
        return (
            f"{many(self.hidden, 'path')} named a patient; such files go by their place among "
            "the images of the input, sorted by path"
        )


def name_files(path: Path, paths: Sequence[Path]) -> FileNames:
    """Name each file by its path below the input, or by number where that names its patient.

    Args:
        path: The input: a file or a folder.
        paths: The file itself, or those below the folder, in order.
    """
    root = path if path.is_dir() else path.parent
    ids, hidden, source = [], 0, str(path)
    with quiet():
        for number, file in enumerate(paths, start=1):
            shown = file.relative_to(root).as_posix()
            identity = _identity(file)
            if identity is not None and identity.is_in_path(shown):
                hidden += 1
                shown = f"file-{number:05d}{file.suffix.lower()}"
            if identity is not None and identity.is_in_path(str(path)):
                source = "an input whose path names a patient"
            ids.append(shown)
    return FileNames(source=source, ids=tuple(ids), hidden=hidden)


def _identity(path: Path) -> Identity | None:
    """Return the identifying words of a DICOM file; None for other files and damaged ones."""
    if path.suffix.lower() not in DICOM_SUFFIXES and not has_preamble(path):
        return None
    try:
        return Identity(read_header(path, IDENTITY_TAGS, force=True))
    except Exception:  # pydicom raises anything on a damaged header; reading the image says why
        return None
