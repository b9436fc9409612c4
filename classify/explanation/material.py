"""What there is to explain: images, what a classifier says of them, and the truth where known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.predict import Classifier
from classify.predict_names import name_files
from classify.trust.operating_points import apply_operating_point
from medx.core.console import warn
from medx.core.errors import InputError, MedxError
from medx.core.images import Image, Pixels, list_images, read_image
from medx.core.words import many
from medx.datasets.manifest import Dataset, Record

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Images with what a classifier says of them.

    Args:
        dataset: Reads them.
        records: The N that could be read.
        skipped: ``(id, reason)`` of those that could not.
        pixels: ``uint8`` ``(N, S, S[, 3])``, as the network takes them.
        probs: Calibrated, ``(N, C)``.
        predicted: Class indices ``(N,)``.
        truth: Class indices ``(N,)``, or None when no image has a label.
    """

    dataset: Dataset
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]
    pixels: Pixels
    probs: npt.NDArray[np.float32]
    predicted: Ints
    truth: Ints | None

    def true_class(self, row: int) -> int | None:
        """Return the class index of an image, where it is known."""
        return None if self.truth is None else int(self.truth[row])

    def sought(self, wanted: int | None) -> Ints:
        """Return the class to seek evidence for in each image: one for all, or the predicted."""
        return self.predicted if wanted is None else np.full_like(self.predicted, wanted)


def gather(classifier: Classifier, part: Dataset) -> Material:
    """Read the images of a dataset and predict them.

    Raises:
        InputError: When some, but not all, have a label that is one of the classifier's classes.
    """
    loaded = part.load_pixels(classifier.size)
    truth = _truth(loaded.records, classifier.classes)
    pixels = np.stack([classifier.fit(image) for image in loaded.pixels])
    probs = classifier.probabilities(pixels)
    return Material(
        dataset=part,
        records=loaded.records,
        skipped=loaded.skipped,
        pixels=pixels,
        probs=probs,
        predicted=apply_operating_point(probs, classifier.description.operating_point),
        truth=truth,
    )


def files_as_dataset(classifier: Classifier, path: Path, *, limit: int | None) -> Dataset:
    """Return an image file, or the images below a folder, as a dataset without labels.

    Raises:
        InputError: When there is no image, or the one file cannot be read.
    """
    files = list_images(path)[:limit] if path.is_dir() else [path]
    if not path.is_dir():
        read_image(path)  # one bad file asked for by name is an error, not a skip
    names = name_files(path, files)
    if names.note:
        warn(names.note)
    places = dict(zip(names.ids, files, strict=True))

    def read(record: Record) -> Image:
        try:
            return read_image(places[record.id])
        except MedxError as error:  # the path may name a patient, the id does not
            reason = str(error).replace(str(places[record.id]), record.id)
            raise InputError(reason, hint=error.hint) from error

    return Dataset(
        name=names.source,
        records=tuple(Record(id=name, path=name) for name in names.ids),
        classes=classifier.classes,
        location=names.source,
        reader=read,
        colour=classifier.description.colour,
    )


def _truth(records: Sequence[Record], classes: Sequence[str]) -> Ints | None:
    if not any(record.label for record in records):
        return None
    index = {name: i for i, name in enumerate(classes)}
    strange = [record for record in records if record.label not in index]
    if strange:
        raise InputError(
            f"{many(len(strange), 'image')} with a label that is no class of the classifier "
            f"(first: {strange[0].id}: {strange[0].label!r})",
            hint=f"its classes are {', '.join(classes)}",
        )
    return np.array([index[str(record.label)] for record in records], np.int64)
