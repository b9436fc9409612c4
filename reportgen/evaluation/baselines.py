"""What is reached without looking: the same report for all, and reports of other images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from medx.core.values import Prediction
from reportgen.evaluation.candidate import candidate_of
from reportgen.evaluation.results import Kind
from reportgen.evaluation.statements import ClassReader, Statement
from reportgen.evaluation.subject import Subject, say_all
from reportgen.labeler.finding import Status
from reportgen.labeler.labeler import label_report
from reportgen.labels import normal_label

NORMAL_REPORT = (
    "FINDINGS:\nThe lungs are clear. No pleural effusion or pneumothorax. The heart is normal in "
    "size. No acute osseous abnormality.\n\nIMPRESSION:\nNo acute cardiopulmonary abnormality."
)
CONSTANT, NORMAL, CLASSIFIER = "constant report", "normal report", "classifier"


def constant_subjects(
    train_references: Sequence[str], asked: Sequence[bool], reader: ClassReader
) -> list[Subject]:
    """Return the most frequent reference of train, and a fixed normal one, for every image.

    Args:
        train_references: None were known when empty: that baseline is left out then.
        asked: Whether any contender was asked about each image.
        reader: Of the classes.
    """
    texts = {}
    if train_references:
        text, times = most_frequent(train_references)
        texts[CONSTANT] = (
            text,
            f"the reference report that is most frequent in train, {times} of "
            f"{len(train_references)}, for every image",
        )
    if normal := NORMAL_REPORT if reader.chest else reader.normal:
        told = normal if reader.chest else f"IMPRESSION:\n{normal}."
        texts[NORMAL] = (told, "one and the same normal report for every image")
    return [_constant(name, *told, asked, reader) for name, told in texts.items()]


def most_frequent(references: Sequence[str]) -> tuple[str, int]:
    """Return the most frequent report and how often it comes.

    Of equally frequent ones, one that states what most reports of train state; then by spelling.
    """
    times = Counter(references)
    stated = {text: _stated(text) for text in times}
    alike: Counter[frozenset[str]] = Counter()
    for text, count in times.items():
        alike[stated[text]] += count
    best = min(times, key=lambda text: (-times[text], -alike[stated[text]], text))
    return best, times[best]


def classifier_subject(
    predictions: Sequence[Prediction | None], classes: Sequence[str]
) -> Subject | None:
    """Return the classes that the classifier predicted, as reports got to know them.

    Args:
        predictions: By image; None comes back when there is none at all.
        classes: Without the normal one.
    """
    if not any(predictions):
        return None
    spelling = {name.casefold(): name for name in classes}
    return Subject(
        name=CLASSIFIER,
        kind=Kind.baseline,
        about="the class that the classifier of the evidence predicted; no report",
        candidates=[None] * len(predictions),
        statements=[_predicted(p, spelling) if p else None for p in predictions],
        has_text=False,
    )


def shuffled_subject(subject: Subject, reader: ClassReader, seed: int) -> Subject | None:
    """Return a contender's reports, each for another image; None when it has fewer than two."""
    there = [i for i, candidate in enumerate(subject.candidates) if candidate is not None]
    if len(there) < 2:
        return None
    order = np.random.default_rng(seed).permutation(there)
    candidates = list(subject.candidates)
    for own, other in zip(order, np.roll(order, 1), strict=True):
        candidates[own] = subject.candidates[other]
    return Subject(
        name=shuffled_name(subject),
        kind=Kind.baseline,
        about=f"reports of {subject.name}, each for another image",
        candidates=candidates,
        statements=say_all(candidates, subject.asked, reader),
    )


def shuffled_name(subject: Subject) -> str:
    """Return how the shuffled reports of a contender are called."""
    return f"shuffled {subject.name}"


def _constant(
    name: str, text: str, about: str, asked: Sequence[bool], reader: ClassReader
) -> Subject:
    candidate = candidate_of(text, _impression(text))
    candidates = [candidate if a else None for a in asked]
    return Subject(
        name=name,
        kind=Kind.baseline,
        about=about,
        candidates=candidates,
        statements=say_all(candidates, asked, reader),
    )


def _predicted(prediction: Prediction, spelling: Mapping[str, str]) -> Statement:
    if prediction.label == normal_label(list(prediction.probabilities)):
        return Statement({}, speaks=True, abnormal=None)
    label = spelling.get(prediction.label.casefold(), prediction.label)
    return Statement({label: Status.present}, speaks=True, abnormal=Status.present)


def _impression(text: str) -> str | None:
    """Return what stands under the last heading IMPRESSION, or None."""
    _, found, rest = text.upper().rpartition("IMPRESSION:")
    return text[-len(rest) :].strip() or None if found and rest else None


def _stated(text: str) -> frozenset[str]:
    found = label_report(text).findings
    return frozenset(label.finding.value for label in found if label.status is Status.present)
