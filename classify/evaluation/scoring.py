"""A classifier over the labelled records of one split, whatever classes they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from classify.evaluation.metrics import Case
from classify.evaluation.shared_classes import SharedClasses, share_classes
from classify.ledger import meets_test
from classify.predict import Classifier
from classify.training.selection import groups_of
from classify.trust.ood import colourfulness
from classify.trust.operating_points import apply_operating_point
from medx.core.console import note, warn
from medx.core.images import Pixels
from medx.datasets.manifest import Dataset, Record


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Records with the truth and what a classifier says of them.

    Args:
        pixels: ``uint8`` ``(N, S, S[, 3])``.
        records: The N records.
        skipped: ``(id, reason)`` of each image that could not be read.
        target: Indices of the classifier's classes ``(N,)``.
        probs: Calibrated, ``(N, C)``, over all classes of the classifier.
        predicted: Class indices ``(N,)`` at the operating point.
        shared: Which classes the dataset and the classifier share.
        colours: ``colourfulness`` of each image before it was turned to grey; None where none was.
        notes: What changes how figures should be read.
    """

    pixels: Pixels
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]
    target: npt.NDArray[np.int64]
    probs: npt.NDArray[np.float32]
    predicted: npt.NDArray[np.int64]
    shared: SharedClasses
    colours: list[float] | None
    notes: tuple[str, ...]

    @property
    def case(self) -> Case:
        """What metrics are made of."""
        return Case(
            target=self.target,
            probs=self.probs,
            predicted=self.predicted,
            measured=self.shared.shared,
        )

    @property
    def groups(self) -> list[str] | None:
        """The patient of each image, where every record names one."""
        return groups_of(self.records)

    @property
    def met_test(self) -> bool:
        """Whether any image is one to be judged by alone."""
        return meets_test(self.records)


def split_to_measure(dataset: Dataset, split: str) -> str:
    """Return ``split``, but ``all``, and say so, for the test split of a dataset without splits."""
    if split != "test" or dataset.splits:
        return split
    note(f"{dataset.name} has no splits: all of it is measured")
    return "all"


def score(classifier: Classifier, part: Dataset) -> Scored:
    """Run a classifier over labelled records whose classes it knows.

    Raises:
        InputError: When labels are missing, no class is shared or no image can be read.
    """
    shared = share_classes(part, classifier.classes)
    notes = [*shared.notes(), *_colour_notes(classifier, part)]
    for text in notes:
        warn(text)
    loaded = shared.part.load_pixels(classifier.size)
    pixels, colours = loaded.pixels, None
    if part.colour != classifier.description.colour:
        colours = [colourfulness(image) for image in pixels]
        pixels = np.stack([classifier.fit(image) for image in pixels])
    probs = classifier.probabilities(pixels)
    return Scored(
        pixels=pixels,
        records=loaded.records,
        skipped=loaded.skipped,
        target=replace(shared.part, records=loaded.records).targets(),
        probs=probs,
        predicted=apply_operating_point(probs, classifier.description.operating_point),
        shared=shared,
        colours=colours,
        notes=tuple(notes),
    )


def _colour_notes(classifier: Classifier, part: Dataset) -> Sequence[str]:
    if part.colour == classifier.description.colour:
        return ()
    has, takes = ("colour", "grey") if part.colour else ("grey", "colour")
    return (f"{part.name} is in {has} and was turned to {takes} for the classifier",)
