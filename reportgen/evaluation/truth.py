"""What is true of the images: labels, reference reports, patients. Only the evaluation reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from medx.core.console import warn
from medx.core.errors import DataUnavailableError, InputError, UnknownNameError
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset, Record
from reportgen.evaluation.config import EvaluateConfig
from reportgen.evaluation.truth_files import check_about, read_folder, read_rows
from reportgen.labels import normal_label

#: Columns of a manifest that hold reference reports, the first that is there.
REFERENCE_COLUMNS = ("report", "text")


@dataclass(frozen=True, kw_only=True)
class TrueImage:
    """What is known of one image; None where it is not."""

    label: str | None = None
    group: str | None = None
    split: str | None = None
    reference: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What is known of all images.

    Args:
        classes: Every class of the dataset, the normal one too.
        images: By id; of other splits, too.
        labels_from: Where labels come from, for people; None: nowhere.
        references_from: Where reference reports come from; None: nowhere.
        notes: What a reader of figures has to know.
    """

    classes: tuple[str, ...] = ()
    images: Mapping[str, TrueImage] = field(default_factory=dict)
    labels_from: str | None = None
    references_from: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def normal(self) -> str | None:
        """The class that means that nothing is wrong."""
        return normal_label(self.classes)

    @property
    def findings(self) -> tuple[str, ...]:
        """The classes without the normal one."""
        return tuple(name for name in self.classes if name != self.normal)

    def of(self, image_id: str) -> TrueImage:
        """Return what is known of an image."""
        return self.images.get(image_id, TrueImage())

    def true_classes(self, image_id: str) -> frozenset[str] | None:
        """Return the true classes without the normal one; None where there is no label."""
        label = self.of(image_id).label
        return None if label is None else frozenset(label.split("|")) - {self.normal or ""}

    def train_references(self) -> list[str]:
        """Return the reference reports of the train split."""
        images = self.images.values()
        return [image.reference for image in images if image.split == "train" and image.reference]


def read_truth(
    config: EvaluateConfig, dataset: str | None, ids: Sequence[str], *, data_dir: Path | None
) -> Truth:
    """Gather what is known of the images ``ids``.

    Args:
        config: What was asked for; its files win over the dataset.
        dataset: Name or folder; None when the images are of no dataset.
        ids: Ids of the images that were reported on.
        data_dir: Where ``.npz`` datasets are searched first.

    Raises:
        InputError: When a file cannot be read or is about other images.
        DataUnavailableError: When the dataset that was asked for cannot be had.
    """
    truth = Truth()
    if dataset is not None:
        truth = _from_dataset(config, dataset, data_dir)
    if config.labels is not None:
        truth = _with_labels(truth, Path(config.labels), ids)
    if config.references is not None:
        truth = _with_references(truth, Path(config.references), ids)
    return truth


def _from_dataset(config: EvaluateConfig, name: str, data_dir: Path | None) -> Truth:
    try:
        found = load_dataset(name, data_dir=data_dir, download=False)
    except (DataUnavailableError, UnknownNameError) as error:
        if config.dataset is not None:
            raise
        text = f"no labels or reference reports of {name}: {error}"
        warn(text)
        return Truth(notes=(text,))
    column = _reference_column(found, config.column)
    images = {
        record.id: TrueImage(
            label=record.label,
            group=record.group,
            split=record.split,
            reference=_cell(record, column) if column else None,
        )
        for record in found.records
    }
    labelled = any(image.label for image in images.values())
    return Truth(
        classes=found.classes,
        images=images,
        labels_from=f"{found.name}, column label" if labelled else None,
        references_from=f"{found.name}, column {column}" if column else None,
    )


def _reference_column(dataset: Dataset, wanted: str | None) -> str | None:
    for column in REFERENCE_COLUMNS if wanted is None else (wanted,):
        if any(_cell(record, column) for record in dataset.records):
            return column
    if wanted is not None:
        raise InputError(f"{dataset.name} has no texts in a column {wanted!r}")
    return None


def _cell(record: Record, column: str) -> str | None:
    text = record.text if column == "text" else record.extra.get(column)
    return text.strip() or None if text else None


def _with_labels(truth: Truth, path: Path, ids: Sequence[str]) -> Truth:
    rows = read_rows(path, "label")
    check_about(path, rows, ids)
    images = {name: replace(image, label=None) for name, image in truth.images.items()}
    spelling = {name.casefold(): name for name in truth.classes}
    found: set[str] = set()
    for name, row in rows.items():
        words = [word.strip() for word in row.get("label", "").split("|") if word.strip()]
        label = [spelling.setdefault(word.casefold(), word) for word in words]
        found.update(label)
        images[name] = replace(
            images.get(name, TrueImage()),
            label="|".join(label) or None,
            **{key: row[key] for key in ("group", "split") if key in row},
        )
    ordered = [name for name in truth.classes if name in found]
    classes = (*ordered, *sorted(found - set(ordered)))
    if normal_label(classes) not in (None, classes[0]):  # the normal one first, as in datasets
        classes = (str(normal_label(classes)), *(c for c in classes if c != normal_label(classes)))
    return replace(
        truth,
        classes=truth.classes if found <= set(truth.classes) else classes,
        images=images,
        labels_from=path.name,
    )


def _with_references(truth: Truth, path: Path, ids: Sequence[str]) -> Truth:
    rows = read_folder(path, ids) if path.is_dir() else read_rows(path, "text", "report")
    check_about(path, rows, ids)
    images = {name: replace(image, reference=None) for name, image in truth.images.items()}
    for name, row in rows.items():
        images[name] = replace(
            images.get(name, TrueImage()),
            reference=row.get("text") or row.get("report"),
            **{key: row[key] for key in ("group", "split") if key in row},
        )
    return replace(truth, images=images, references_from=path.name)
