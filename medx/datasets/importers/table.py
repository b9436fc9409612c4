"""A table with a row an image: path, label, and what else is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from medx.core.errors import InputError, UnknownNameError
from medx.core.pseudonyms import load_pseudonyms
from medx.core.words import many
from medx.datasets.class_order import order_classes
from medx.datasets.importers.base import Imported, ImportOptions, Skipped, with_unique_ids
from medx.datasets.importers.folder import SPLIT_NAMES
from medx.datasets.importers.images import ImageFinder
from medx.datasets.importers.sheets import TABLE_SUFFIXES, Row, read_sheet
from medx.datasets.manifest import Record

#: What people call the columns, best first; compared without case, blanks and underscores.
USUAL_NAMES = {
    "path": (
        "path", "imagepath", "filepath", "filename", "file", "image", "imagefile", "imagename",
        "imageid", "imageindex", "img", "name", "id",
    ),
    "label": (
        "label", "labels", "class", "classname", "target", "diagnosis", "category", "finding",
        "findinglabels", "dx",
    ),
    "group": ("group", "patientid", "patient", "subjectid", "subject", "caseid", "lesionid"),
    "source": ("source", "site", "hospital", "center", "centre", "scanner", "manufacturer"),
    "split": ("split", "subset", "partition", "set"),
    "text": ("text", "caption"),
}  # fmt: skip

#: Columns that name a person: left out, or as the group replaced by a keyed hash.
_IDENTIFYING = re.compile(
    r"(patient|subject|person|first|last|family|given|full)\w*name|surname|^mrn|medicalrecord|"
    r"birth|^dob$|address|phone|email|accession|ssn|insurance|nationalid"
)
_OF_A_PERSON = re.compile(r"patient|subject|person|mrn|case")


@dataclass(frozen=True, kw_only=True)
class _Columns:
    path: str
    label: str | None
    group: str | None
    source: str | None
    split: str | None
    text: str | None
    extra: tuple[str, ...]


def import_table(source: Path, options: ImportOptions) -> Imported:
    """Import the images that a table names, or the only table of a folder.

    Patient ids become keyed hashes and columns that name a person are left out.

    Raises:
        InputError: When the table is damaged, a column is missing or no image is found.
    """
    path = source if source.is_file() else _only_table(source)
    root = options.images or path.parent
    if not root.is_dir():
        raise InputError(f"no such folder: {root}", hint="check --images")
    names, rows = read_sheet(path)
    columns = _find_columns(path, names, options)
    dropped = [
        name for name in names if _IDENTIFYING.search(_plain(name)) and name != columns.group
    ]
    records, skipped = _records(rows, columns, ImageFinder(root))
    if not records:
        raise InputError(
            f"none of the {many(len(rows), 'image')} of {path} was found below {root}; "
            f"first: {': '.join(skipped[0])}",
            hint="name their folder with --images, or the column with --path-column",
        )
    notes = [f"columns: {_say_columns(columns)}"]
    if dropped:
        notes.append(f"left out, they could name a person: {', '.join(dropped)}")
    labels = {part for record in records if record.label for part in record.label.split("|")}
    return Imported(
        name=path.stem,
        records=with_unique_ids(records),
        root=root,
        classes=order_classes(labels),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )


def _only_table(folder: Path) -> Path:
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLE_SUFFIXES)
    if len(found) != 1:
        raise InputError(f"{folder} holds {len(found)} tables", hint="name one of them")
    return found[0]


def _find_columns(path: Path, names: list[str], options: ImportOptions) -> _Columns:
    given = {role: getattr(options, f"{role}_column", None) for role in USUAL_NAMES}
    for name in filter(None, given.values()):
        if name not in names:
            raise UnknownNameError(f"column of {path.name}", name, filter(None, names))
    taken = set(filter(None, given.values()))
    for role, usual in USUAL_NAMES.items():
        if given[role] is None:
            free = {_plain(name): name for name in names if name and name not in taken}
            given[role] = next((free[word] for word in usual if word in free), None)
            taken |= {given[role]} - {None}
    image = given.pop("path")
    if image is None:
        raise InputError(
            f"{path} has no column of image paths that medx knows: {', '.join(names)}",
            hint="name it with --path-column, or the layout with --format",
        )
    extra = tuple(n for n in names if n and n not in taken and not _IDENTIFYING.search(_plain(n)))
    return _Columns(path=image, extra=extra, **given)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _say_columns(columns: _Columns) -> str:
    roles = {role: getattr(columns, role) for role in USUAL_NAMES}
    return ", ".join(f"{role} from {name!r}" for role, name in roles.items() if name)


def _records(
    rows: Mapping[int, Row], columns: _Columns, finder: ImageFinder
) -> tuple[list[Record], list[Skipped]]:
    records: dict[str, Record] = {}
    skipped: list[Skipped] = []
    pseudonyms = None
    if columns.group and _OF_A_PERSON.search(_plain(columns.group)):
        pseudonyms = load_pseudonyms()
    for number, row in rows.items():
        named = row.get(columns.path, "")
        try:
            path = finder.find(named) if named else ""
        except LookupError as error:
            skipped.append((named, f"row {number}: {error}"))
            continue
        if not path or path in records:
            skipped.append((named, f"row {number}: {'image named before' if path else 'no path'}"))
            continue
        record = _record(path, row, columns)
        if pseudonyms and record.group:
            record = replace(record, group=pseudonyms.code("patient", record.group))
        records[path] = record
    return list(records.values()), skipped


def _record(path: str, row: Row, columns: _Columns) -> Record:
    def cell(column: str | None) -> str | None:
        return row.get(column) if column else None

    split = cell(columns.split)
    return Record(
        id=path,
        path=path,
        label=cell(columns.label),
        split=SPLIT_NAMES.get(split.lower(), split) if split else None,
        group=cell(columns.group),
        source=cell(columns.source),
        text=cell(columns.text),
        extra={name: row[name] for name in columns.extra if name in row},
    )
