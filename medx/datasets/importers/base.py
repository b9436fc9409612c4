"""What every way in takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from medx.datasets.manifest import Record

Skipped = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the user says about a source.

    Args:
        images: Folder that holds the images when they do not lie beside their annotations.
        path_column: Column of a table, and so on; None finds it by its usual names.
        labels: Sheet with the labels of DICOM files.
        label_key: What its rows are joined by; None takes the most exact it has.
    """

    images: Path | None = None
    path_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    source_column: str | None = None
    split_column: str | None = None
    labels: Path | None = None
    label_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Copier:
    """How the files of a source are copied where their bytes as they are will not do.

    Args:
        copy: Writes the copy of a file to a path; raises ``MedxError`` or ``OSError``.
        suffix: Of every copy.
        must: Why the files may not be referenced, or nothing when they may.
    """

    copy: Callable[[Path, Path], None]
    suffix: str
    must: str = ""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Records found in a source, not yet written anywhere.

    Args:
        name: Suggested name of the dataset.
        records: Paths are relative to ``root``.
        classes: Label names in order; for two classes the second is the positive one.
        labels_from_boxes: True when an image's label is the classes of its boxes.
        skipped: ``(path, reason)`` of each image or annotation that was left out.
        notes: What the user should know, one line each.
        copier: How files are copied; None copies their bytes.
    """

    name: str
    records: tuple[Record, ...]
    root: Path
    classes: tuple[str, ...]
    modality: str = ""
    licence: str = ""
    citation: str = ""
    description: str = ""
    synthetic: bool = False
    colour: bool = False
    labels_from_boxes: bool = False
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    copier: Copier | None = None


Importer = Callable[[Path, ImportOptions], Imported]


def path_below(text: str, root: Path) -> str | None:
    """Return a path that a file names as one relative to ``root``, or None when it leaves it.

    Works on the words alone: whether the file exists is another question.
    """
    if not text or "\0" in text:
        return None
    pure = PurePosixPath(text.replace("\\", "/"))
    if pure.is_absolute() or PureWindowsPath(text).drive:
        try:
            pure = PurePosixPath(Path(text).relative_to(root.absolute()).as_posix())
        except ValueError:
            return None
    relative = pure.as_posix()
    return relative if relative != "." and ".." not in pure.parts else None


def why_unportable(path: str) -> str | None:
    """Return why a manifest cannot name this path on every system, or None when it can."""
    if any(character in path for character in ":\\\n\r"):
        return "its name has a colon, backslash or line break: rename it"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    return None


def with_unique_ids(records: Iterable[Record]) -> tuple[Record, ...]:
    """Return records whose ids are the shortest of file name, path and full path that differ."""
    rows = list(records)
    stems = [PurePosixPath(record.path).stem for record in rows]
    paths = [str(PurePosixPath(record.path).with_suffix("")) for record in rows]
    names = next(
        (ids for ids in (stems, paths) if len(set(ids)) == len(ids)), [r.path for r in rows]
    )
    return tuple(replace(record, id=name) for record, name in zip(rows, names, strict=True))


def split_missing(
    records: Iterable[Record], root: Path
) -> tuple[tuple[Record, ...], tuple[Skipped, ...]]:
    """Return the records whose file exists, and the others with the reason."""
    kept, skipped = [], []
    for record in records:
        if reason := why_unportable(record.path) or _why_absent(root / record.path):
            skipped.append((record.path, reason))
        else:
            kept.append(record)
    return tuple(kept), tuple(skipped)


def _why_absent(path: Path) -> str | None:
    try:
        return None if path.is_file() else "no such file"
    except OSError as error:  # a name longer than the file system allows
        return f"cannot be looked up: {error.strerror}"


def label_of_boxes(record: Record, classes: Sequence[str]) -> str | None:
    """Return the classes of a record's boxes, in class order, joined by ``|``."""
    order = {name: i for i, name in enumerate(classes)}
    labels = {box.label for box in record.boxes}
    return "|".join(sorted(labels, key=lambda name: (order.get(name, len(order)), name))) or None
