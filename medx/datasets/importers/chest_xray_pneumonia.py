"""Chest X-rays of children: patient and kind of pneumonia are in the file name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from medx.datasets.importers.base import Imported, ImportOptions
from medx.datasets.importers.folder import import_folder
from medx.datasets.manifest import Record

#: ``person12_bacteria_34.jpeg``, ``IM-0115-0001.jpeg``, ``NORMAL2-IM-0115-0001-0002.jpeg`` and,
#: in the third edition, ``BACTERIA-1008087-0001.jpeg``.
_NAMES = (
    re.compile(r"(?P<patient>person\d+)_(?P<subtype>bacteria|virus)_\d+", re.IGNORECASE),
    re.compile(r"(?P<patient>(?:NORMAL\d*-)?IM-\d+)-\d+", re.IGNORECASE),
    re.compile(r"(?P<subtype>BACTERIA|VIRUS)-(?P<patient>\d+)-\d+", re.IGNORECASE),
    re.compile(r"NORMAL-(?P<patient>\d+)-\d+", re.IGNORECASE),
)
SUBTYPES = {"bacteria": "bacterial", "virus": "viral"}


def import_chest_xray_pneumonia(source: Path, options: ImportOptions) -> Imported:
    """Import radiographs with the publisher's splits, grouped by the patient in the file name.

    The names are pseudonyms already. The same name in two splits is taken for the same patient.

    Raises:
        InputError: When no class folder holds images.
    """
    imported = import_folder(source, options)
    records = tuple(_with_patient(record) for record in imported.records)
    unknown = sum(record.group is None for record in records)
    notes = (f"{unknown} file names name no patient: they have no group",) if unknown else ()
    return replace(imported, records=records, notes=notes)


def _with_patient(record: Record) -> Record:
    stem = PurePosixPath(record.path).stem
    match = next((found for name in _NAMES if (found := name.match(stem))), None)
    if match is None:
        return record
    subtype = SUBTYPES.get((match.groupdict().get("subtype") or "").lower())
    extra = {"subtype": subtype} if subtype else {}
    return replace(record, group=match["patient"].lower(), extra=extra)
