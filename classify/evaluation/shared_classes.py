"""A dataset whose classes are not exactly the classifier's: what can be measured is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medx.core.errors import InputError
from medx.core.words import many
from medx.datasets.label_map import read_label_map
from medx.datasets.manifest import Dataset

HINT = "give a map from its classes to those: --label-map old=new,old="


@dataclass(frozen=True, kw_only=True)
class SharedClasses:
    """Records of classes that a classifier knows.

    Args:
        part: Those records; its classes are the classifier's, in its order.
        shared: Indices of the classes that both have.
        absent: Names of the classifier's classes that the dataset lacks.
        left_out: Classes that the classifier does not know → their images.
        unlabelled: How many images were left out because they have no label.
    """

    part: Dataset
    shared: tuple[int, ...]
    absent: tuple[str, ...]
    left_out: dict[str, int]
    unlabelled: int = 0

    def notes(self) -> list[str]:
        """Return what to tell whoever reads the figures."""
        found = []
        if self.absent:
            found.append(
                f"{self.part.name} has no {', '.join(self.absent)}: means run over the other "
                "classes; the probability of an absent class stays as it is, and calling an "
                "image so counts as wrong"
            )
        if self.left_out:
            counted = ", ".join(f"{name} ({n} images)" for name, n in self.left_out.items())
            found.append(f"left out, since the classifier does not know them: {counted}")
        if self.unlabelled:
            found.append(f"left out, for want of a label: {many(self.unlabelled, 'image')}")
        return found


def share_classes(part: Dataset, classes: Sequence[str]) -> SharedClasses:
    """Return the records of one split whose class a classifier knows.

    Args:
        part: Labelled; classes are matched by name, in whatever order.
        classes: The classifier's.

    Raises:
        InputError: When no image has a label, one has several, or no class is shared.
    """
    counted = Counter(record.label for record in part.records)
    several = next((label for label in counted if label and "|" in label), None)
    if several is not None:
        raise InputError(f"{part.name} has images with several labels (such as {several!r})")
    if set(counted) == {None}:
        raise InputError(f"no image of {part.name} in this split has a label")
    named = {label: n for label, n in counted.items() if label is not None}
    known = [name for name in classes if name in part.classes]
    if not any(counted[name] for name in known):
        raise InputError(
            f"{part.name} has the classes {', '.join(part.classes)}, but the classifier was "
            f"trained on {', '.join(classes)}",
            hint=HINT,
        )
    kept = tuple(record for record in part.records if record.label in known)
    return SharedClasses(
        part=replace(part, records=kept, classes=tuple(classes)),
        shared=tuple(i for i, name in enumerate(classes) if name in known),
        absent=tuple(name for name in classes if name not in known),
        left_out={k: n for k, n in sorted(named.items()) if k not in known},
        unlabelled=counted[None],
    )


def map_labels(dataset: Dataset, text: str | None, *, lenient: bool = False) -> Dataset:
    """Return a dataset with its classes renamed, merged or dropped.

    Args:
        dataset: Any.
        text: A file, or ``old=new,old=``; None changes nothing.
        lenient: Accept a map that names classes the dataset does not have.

    Raises:
        InputError: When the map is damaged.
        UnknownNameError: When it names a class that does not exist.
    """
    if text is None:
        return dataset
    labels = read_label_map(text)
    replace(labels, lenient=lenient or labels.lenient).check(dataset.classes)
    mapped = (labels.apply_to_record(r, keep_unlabelled=False) for r in dataset.records)
    kept = tuple(record for record in mapped if record is not None)
    return replace(dataset, records=kept, classes=labels.classes(dataset.classes))
