"""A tree of DICOM files: patient → group, maker and place → source, UIDs → keyed codes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydicom.errors import InvalidDicomError

from medx.core.console import track
from medx.core.deidentify import deidentify
from medx.core.dicom_deflate import read_bounded
from medx.core.dicom_identity import Identity
from medx.core.errors import InputError
from medx.core.files import atomic_path
from medx.core.limits import MAX_BYTES
from medx.core.mapped import open_mapped
from medx.core.pseudonyms import Pseudonyms, load_pseudonyms
from medx.core.quiet import quiet
from medx.core.words import many
from medx.datasets.importers.base import Copier, Imported, ImportOptions, Skipped, why_unportable
from medx.datasets.importers.dicom_labels import DicomLabels, load_dicom_labels
from medx.datasets.importers.dicom_records import (
    HEADER_TAGS,
    MODALITIES,
    Instance,
    describe_instance,
    has_preamble,
    why_no_image,
)
from medx.datasets.manifest import Record

SUFFIXES = frozenset({".dcm", ".dicom"})
NOT_DICOM = "not DICOM"
NO_MARK = "no DICOM file: it lacks the mark DICM"
UNREADABLE = "unreadable DICOM header"
COPY = "copy of an image already found"
_SEVERAL = {COPY: "copies of images already found"}


def import_dicom(source: Path, options: ImportOptions) -> Imported:
    """Import the images of a DICOM tree; only headers are read.

    Objects that are no images and files that are no DICOM are counted in the notes.

    Raises:
        InputError: When there is no DICOM image.
    """
    root = source if source.is_dir() else source.parent
    tree = _Tree(root=root, pseudonyms=load_pseudonyms(), labels=labels_from(options))
    with quiet():
        for path in track(_files(source), "reading headers"):
            tree.add(path)
    if not tree.records:
        raise InputError(f"no DICOM image in {source}", hint=tree.left_out or "check the path")
    check_labelled(tree.records, tree.labels)
    return Imported(
        name=root.resolve().name if not tree.names_a_patient else "dicom",
        records=tuple(tree.records),
        root=root,
        classes=tree.labels.classes if tree.labels else (),
        modality=modality_of(tree.records),
        skipped=tree.safe_skipped(),
        notes=tree.notes(),
        copier=Copier(copy=tree.copy, suffix=".dcm", must=tree.why_only_copies()),
    )


class _Found(NamedTuple):
    """The records of one image, or of its frames, and how many bytes its file has."""

    size: int
    records: tuple[Record, ...]


@dataclass
class _Tree:
    """What has been found in a tree so far."""

    root: Path
    pseudonyms: Pseudonyms
    labels: DicomLabels | None = None
    images: dict[str, _Found] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    named_files: int = 0
    without_patient: int = 0

    @property
    def records(self) -> list[Record]:
        return [record for found in self.images.values() for record in found.records]

    @property
    def names_a_patient(self) -> bool:
        return self.named_files > 0

    @property
    def left_out(self) -> str:
        kinds = sorted(self.kinds.items())
        counted = ", ".join(many(n, kind, _SEVERAL.get(kind, kind)) for kind, n in kinds)
        return f"left out: {counted}" if counted else ""

    def add(self, path: Path) -> None:
        """Read one file's header; add its images, or count what it is instead."""
        shown = path.relative_to(self.root).as_posix()
        if not (path.suffix.lower() in SUFFIXES or has_preamble(path)):
            self.kinds[NOT_DICOM] += 1
            return
        try:
            header = read_header(path, HEADER_TAGS)
            if kind := why_no_image(header):
                self.kinds[kind] += 1
                return
            identity = Identity(header)
            instance = describe_instance(header, identity, self.pseudonyms)
            # A folder named after its patient would be written down as the dataset's root.
            named = identity.is_in_path(f"{self.root.resolve().name}/{shown}")
        except Exception as error:  # pydicom raises anything on a damaged header
            # Its messages quote what they stumbled over: a patient's name, perhaps.
            why = NO_MARK if isinstance(error, InvalidDicomError) else UNREADABLE
            self.skipped.append((shown, why))
            return
        self.named_files += named
        if reason := why_unportable(shown):
            self.skipped.append((shown, reason))
        elif instance.id in self.images:
            self.kinds[COPY] += 1
            self._keep_the_larger(instance, path, shown)
        else:
            self.without_patient += instance.by_study
            label = self.labels.label_of(header, shown) if self.labels else None
            self.images[instance.id] = _Found(_size(path), tuple(instance.records(shown, label)))

    def _keep_the_larger(self, instance: Instance, path: Path, shown: str) -> None:
        """Let a copy take the place of a smaller one, which a broken transfer may have left."""
        first = self.images[instance.id]
        if (size := _size(path)) > first.size:
            label = first.records[0].label
            self.images[instance.id] = _Found(size, tuple(instance.records(shown, label)))

    def copy(self, source: Path, target: Path) -> None:
        """Write the de-identified copy of one file."""
        write_copy(read_whole(source), target, self.pseudonyms)

    def why_only_copies(self) -> str:
        """Return why these files may not be referenced, or nothing."""
        if not self.names_a_patient:
            return ""
        files = many(self.named_files, "file")
        return (
            f"{files} cannot be referenced: names of files or folders hold the name, id or a "
            "UID of their own patient, and a manifest would repeat them"
        )

    def safe_skipped(self) -> tuple[Skipped, ...]:
        """Return what was skipped; without paths where paths name patients."""
        if not self.names_a_patient:
            return tuple(self.skipped)
        return tuple((f"unreadable file {i}", why) for i, (_, why) in enumerate(self.skipped, 1))

    def notes(self) -> tuple[str, ...]:
        return tuple(
            line for line in (self.left_out, *notes_on(self.records, self.without_patient)) if line
        )


def labels_from(options: ImportOptions) -> DicomLabels | None:
    """Return the sheet of labels that the user names, or None."""
    if options.labels is None:
        return None
    return load_dicom_labels(
        options.labels, key=options.label_key, label_column=options.label_column
    )


def check_labelled(records: list[Record], labels: DicomLabels | None) -> None:
    """Raise ``InputError`` when a sheet labels none of the images."""
    if labels and not any(record.label for record in records):
        raise InputError(
            f"the sheet labels none of the {many(len(records), 'image')} by {labels.key}",
            hint="choose another column with --label-key",
        )


def notes_on(records: list[Record], without_patient: int) -> Iterator[str]:
    """Yield what the user should know of imported DICOM images."""
    if 0 < (labelled := sum(record.label is not None for record in records)) < len(records):
        lacking = many(len(records) - labelled, "image has", "images have")
        yield f"{lacking} no label, of {len(records)}"
    elif not labelled:
        yield "no image has a label: --labels takes a sheet of them"
    if without_patient:
        yield many(
            without_patient,
            "file names no patient: its group is the study",
            "files name no patient: their group is the study",
        )
    studies = {record.extra.get("study") for record in records}
    if len(studies) > 1 and len({record.group for record in records}) == 1:
        yield f"all {len(studies)} studies have the same patient id: groups keep nothing apart"
    burned = Counter(record.extra.get("burned_in") for record in records)
    for word, one, other in (
        ("declared", "image says that text is", "images say that text is"),
        ("possible", "image may have text", "images may have text"),
    ):
        if burned[word]:
            yield (
                f"{many(burned[word], one, other)} burnt into the pixels (column burned_in): "
                "it cannot be removed; look before sharing"
            )


def modality_of(records: list[Record]) -> str:
    """Return the modality all images share in people's words, or nothing."""
    names = {MODALITIES.get(record.extra.get("modality", ""), "") for record in records}
    if names == {"X-ray"} and {r.extra.get("body_part") for r in records} == {"CHEST"}:
        return "chest X-ray"
    return names.pop() if len(names) == 1 else ""


def read_header(path: Path, tags: Iterable[str], *, force: bool = False) -> Any:
    """Return the wanted attributes of a DICOM file; raises anything on a damaged one."""
    with open_mapped(path) as file:
        return read_bounded(
            "a DICOM file", file, force=force, stop_before_pixels=True, specific_tags=[*tags]
        )


def read_whole(path: Path) -> Any:
    """Return a DICOM file with its pixels.

    Raises:
        InputError: When it is too large or damaged.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"a DICOM file larger than {MAX_BYTES >> 20} MiB")
    with quiet():
        try:
            with open_mapped(path) as file:
                return read_bounded("a DICOM file", file)
        except (InputError, OSError):
            raise
        except Exception as error:  # pydicom raises anything on a damaged file
            raise InputError(f"a damaged DICOM file ({type(error).__name__})") from error


def write_copy(dataset: Any, target: Path, pseudonyms: Pseudonyms) -> Instance:
    """Write the de-identified copy of a DICOM dataset and return what a manifest may say of it.

    Raises:
        InputError: When it is damaged or has no pixels.
    """
    with quiet():
        try:
            instance = describe_instance(dataset, Identity(dataset), pseudonyms)
            copy = deidentify(dataset, pseudonyms, patient=instance.group)
            with atomic_path(target) as temporary:
                copy.save_as(temporary, enforce_file_format=True)
        except (InputError, OSError):
            raise
        except Exception as error:  # pydicom raises anything on a damaged dataset
            raise InputError(f"a damaged DICOM file ({type(error).__name__})") from error
    return instance


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone meanwhile: reading it will say so
        return 0


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"no such file or folder: {source}", hint="check the path")
    return sorted(
        Path(folder, name)
        for folder, folders, names in os.walk(source)
        for name in names
        if not name.startswith(".")
    )
