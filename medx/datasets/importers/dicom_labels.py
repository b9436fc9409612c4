"""Labels from a sheet, joined to DICOM files by what identifies them; the keys are not kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from medx.core.errors import InputError
from medx.datasets.class_order import order_classes
from medx.datasets.importers.sheets import read_sheet

FILE = "file"
#: What a row may be joined by, the most exact first.
KEYS = (
    "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "AccessionNumber", FILE, "PatientID",
)  # fmt: skip
LABEL_NAMES = ("label", "labels", "class", "target", "diagnosis", "finding", "category")
_FILE_NAMES = frozenset({"file", "filename", "filepath", "path", "image"})


@dataclass(frozen=True)
class DicomLabels:
    """Which label belongs to which value of ``key``.

    Args:
        key: One of ``KEYS``.
        labels: Value of the key → label.
    """

    key: str
    labels: dict[str, str]
    _used: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in it; of two the second is the positive one."""
        return order_classes(part for label in self.labels.values() for part in label.split("|"))

    def label_of(self, header: Any, path: str) -> str | None:
        """Return the label of a file, or None when the sheet has none.

        Args:
            header: Its pydicom header.
            path: Its path below the root; a sheet may give it whole or its name, with or without
            suffix.

        Raises:
            InputError: When a name stands for two files.
        """
        if self.key != FILE:
            return self.labels.get(str(header.get(self.key) or "").strip())
        pure = PurePosixPath(path)
        names = (path, str(pure.with_suffix("")), pure.name, pure.stem)
        name = next((name for name in names if name in self.labels), None)
        if name is None:
            return None
        if self._used.setdefault(name, path) != path:
            raise InputError(
                "the sheet of labels gives a file name that several files have",
                hint="give paths below the folder instead",
            )
        return self.labels[name]


def load_dicom_labels(
    path: Path, *, key: str | None = None, label_column: str | None = None
) -> DicomLabels:
    """Read a sheet with a key column, named as in DICOM, and a label column.

    Args:
        path: CSV, TSV, Parquet or XLSX.
        key: One of ``KEYS``; None takes the most exact one the sheet has.
        label_column: None finds it by its usual names.

    Raises:
        InputError: When a column is missing or one key has two labels.
    """
    columns, rows = read_sheet(path)
    by_key = {_key_of(name): name for name in columns}
    key = key or next((known for known in KEYS if known in by_key), "")
    if key not in KEYS or key not in by_key:
        raise InputError(
            f"{path} has no column to join by{f': {key}' if key else ''}",
            hint=f"it needs a column named as one of {', '.join(KEYS)}",
        )
    label = label_column or next((n for n in columns if _plain(n) in LABEL_NAMES), None)
    if label not in columns:
        raise InputError(f"{path} has no column of labels", hint="name it with --label-column")
    labels: dict[str, str] = {}
    for number, row in rows.items():
        value, given = row.get(by_key[key]), row.get(str(label))
        if value and given and labels.setdefault(value, given) != given:
            # The value may be a patient's id: the row's number has to do.
            raise InputError(
                f"{path} gives one {key} two labels, the second in row {number}",
                hint="join by a finer key with --label-key, or write the labels as a|b",
            )
    return DicomLabels(key, labels)


def _key_of(column: str) -> str:
    plain = _plain(column)
    return FILE if plain in _FILE_NAMES else next((k for k in KEYS if k.lower() == plain), "")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
