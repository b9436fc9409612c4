"""Merging, renaming and dropping classes: ``ring=infected,leukocyte=``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from medx.core.errors import InputError, UnknownNameError
from medx.datasets.manifest import Box, Record

DROP = "drop"
REST = "*"
HINT = "write it as old=new, with old= to drop a class, or give a YAML, JSON or CSV file"


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """What becomes of each class.

    Args:
        targets: Old name → new name, or None to drop it.
        drop_rest: Drop the classes that ``targets`` does not name instead of keeping them.
        lenient: Accept classes that a dataset does not have.
    """

    targets: Mapping[str, str | None] = field(default_factory=dict)
    drop_rest: bool = False
    lenient: bool = False

    def apply(self, label: str) -> str | None:
        """Return the new name of one class, or None when it is dropped."""
        return self.targets.get(label, None if self.drop_rest else label)

    def classes(self, old: Iterable[str]) -> tuple[str, ...]:
        """Return the new classes: those the map names first, in its order."""
        old = list(old)
        named = [name for name in self.targets if name in set(old)]
        rest = [name for name in old if name not in self.targets]
        new = (self.apply(name) for name in (*named, *rest))
        return tuple(dict.fromkeys(name for name in new if name is not None))

    def check(self, old: Iterable[str]) -> None:
        """Raise ``UnknownNameError`` when the map names a class that does not exist."""
        known = set(old)
        for name in self.targets:
            if name not in known and not self.lenient:
                raise UnknownNameError("class in the label map", name, known)

    def apply_to_record(self, record: Record, *, keep_unlabelled: bool) -> Record | None:
        """Return the record with its classes mapped, or None when its label is dropped.

        Args:
            record: Its label may hold several classes joined by ``|``; boxes are mapped as well.
            keep_unlabelled: Keep an image whose label is gone (a field without its boxes).
        """
        label = self._apply_to_label(record.label)
        if record.label is not None and label is None and not keep_unlabelled:
            return None
        return replace(record, label=label, boxes=tuple(self._apply_to_boxes(record.boxes)))

    def _apply_to_label(self, label: str | None) -> str | None:
        if label is None:
            return None
        parts = (self.apply(part) for part in label.split("|"))
        return "|".join(dict.fromkeys(part for part in parts if part is not None)) or None

    def _apply_to_boxes(self, boxes: Iterable[Box]) -> Iterable[Box]:
        for box in boxes:
            if (label := self.apply(box.label)) is not None:
                yield replace(box, label=label)


def read_label_map(text: str) -> LabelMap:
    """Read a map from a file or from ``old=new,old=`` written in place.

    Raises:
        InputError: When it is neither, or damaged.
    """
    path = Path(text)
    if path.suffix.lower() in {".yaml", ".yml", ".json", ".csv"}:
        return _from_pairs(_read_file(path), text)
    if "=" not in text:
        raise InputError(f"{text!r} is no label map", hint=HINT)
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        old, equals, new = part.partition("=")
        if not equals:
            raise InputError(f"the label map has {part!r} without =", hint=HINT)
        pairs.append((old.strip(), new.strip()))
    return _from_pairs(pairs, "--label-map")


def _from_pairs(pairs: Iterable[tuple[str, str]], origin: str) -> LabelMap:
    targets: dict[str, str | None] = {}
    drop_rest = False
    for old, new in pairs:
        if not old:
            raise InputError(f"{origin} has an entry without a class", hint=HINT)
        if old in targets:
            raise InputError(f"{origin} names the class {old!r} twice", hint=HINT)
        if old == REST:
            if new not in ("", DROP):
                raise InputError(f'{origin}: "*" can only be {DROP}, got {new!r}', hint=HINT)
            drop_rest = True
        else:
            targets[old] = None if new in ("", DROP) else new
    if not targets and not drop_rest:
        raise InputError(f"{origin} is an empty label map", hint=HINT)
    return LabelMap(targets=targets, drop_rest=drop_rest)


def _read_file(path: Path) -> list[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".csv":
            return _pairs_from_csv(text, path)
        loaded = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, csv.Error, yaml.YAMLError) as error:
        raise InputError(f"cannot read the label map {path}: {error}", hint=HINT) from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path} must hold old: new lines", hint=HINT)
    return [(_word(old, path), _word(new, path)) for old, new in loaded.items()]


def _pairs_from_csv(text: str, path: Path) -> list[tuple[str, str]]:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(row)]
    if any(len(row) != 2 for row in rows):
        raise InputError(f"{path} needs two columns a row: old and new class", hint=HINT)
    if rows and [cell.strip().lower() for cell in rows[0]] in (["from", "to"], ["old", "new"]):
        rows = rows[1:]
    return [(old.strip(), new.strip()) for old, new in rows]


def _word(value: Any, path: Path) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(
            f"{path} has an entry that is no class name: {value!r}",
            hint="put quotes around it: YAML reads yes, no, on and off as true or false",
        )
    return str(value).strip()
