"""One train run on one split of one dataset, ready to be compared."""

from __future__ import annotations

from dataclasses import dataclass

from classify.config import CompareConfig
from classify.evaluation.scoring import Scored, score, split_to_measure
from classify.predict import Classifier
from medx.core.bootstrap import Bootstrap
from medx.datasets.manifest import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """A dataset to compare on.

    Args:
        title: Its name; with what the user called it, where several share the name.
        dataset: As it is.
        mapped: With its labels mapped.
    """

    title: str
    dataset: Dataset
    mapped: Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One run on one dataset.

    Args:
        classifier: The run.
        place: The dataset.
        own: Whether the run was trained on this very split of it.
        split: What of it was measured.
        scored: What the run says of the split.
        how: How its intervals are made.
    """

    classifier: Classifier
    place: Place
    own: bool
    split: str
    scored: Scored
    how: Bootstrap

    @property
    def where(self) -> str:
        """Dataset and split, for people to read."""
        return f"{self.place.title} {self.split}"


def enter(
    classifier: Classifier,
    place: Place,
    config: CompareConfig,
    *,
    own: bool,
    split: str | None = None,
) -> Entry:
    """Run a classifier over a split; that of ``config`` unless another is named."""
    split = split_to_measure(place.mapped, split or config.split)
    scored = score(classifier, place.mapped.split(split, limit=config.limit))
    how = Bootstrap(groups=scored.groups, resamples=config.resamples, seed=config.seed)
    return Entry(classifier=classifier, place=place, own=own, split=split, scored=scored, how=how)
