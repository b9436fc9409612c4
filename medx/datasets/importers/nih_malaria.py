"""NIH malaria cells: two class folders; patient and field are in the file name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from medx.datasets.importers.base import Imported, ImportOptions
from medx.datasets.importers.folder import import_folder
from medx.datasets.manifest import Record

#: ``C33P1thinF_IMG_20150619_120742a_cell_210.png``: slide and patient, field, cell.
_NAME = re.compile(r"(?P<field>(?P<patient>C\d+(?:[A-Z]\d*)?)_?thinF.*)_cell_\d+", re.IGNORECASE)


def import_nih_malaria(source: Path, options: ImportOptions) -> Imported:
    """Import single cells, grouped by patient; the field they were cut from is kept.

    Raises:
        InputError: When no class folder holds images.
    """
    imported = import_folder(source, options)
    records = tuple(_with_patient(record) for record in imported.records)
    unknown = sum(record.group is None for record in records)
    notes = (f"{unknown} file names name no patient: they have no group",) if unknown else ()
    return replace(imported, records=records, notes=notes)


def _with_patient(record: Record) -> Record:
    # Copies of the archive add " - Copy" and the like to the name.
    match = _NAME.match(PurePosixPath(record.path).stem)
    if match is None:
        return record
    return replace(record, group=match["patient"].upper(), extra={"field": match["field"]})
