"""Which images are reported on: normals, positives and the classifier's mistakes in balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, zip_longest

import numpy as np

from medx.core.errors import InputError
from medx.core.values import Prediction
from reportgen.labels import normal_label


class SampleKind(str, Enum):
    """Why an image was taken. Pages say it, engines never hear of it."""

    normal = "normal"
    positive = "positive"
    mistake = "mistake"
    unlabelled = "unlabelled"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An image that could be reported on.

    Args:
        label: The true label, or None; used for the choice alone.
    """

    id: str
    label: str | None
    prediction: Prediction | None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A chosen image."""

    id: str
    kind: SampleKind


def choose_samples(
    candidates: Sequence[Candidate], num_samples: int, *, seed: int = 0
) -> list[Sample]:
    """Choose images so that normals, positives and mistakes are equally many where they can be.

    The choice depends on ids, labels and seed, not on the order of ``candidates``. Within a kind
    the classes take turns.

    Raises:
        InputError: When there are fewer candidates than ``num_samples``.
        ValueError: When ``num_samples`` is below 1.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be >= 1, got {num_samples}")
    if num_samples > len(candidates):
        raise InputError(
            f"{num_samples} samples were asked for, and there are {len(candidates)} images",
            hint=f"use --num-samples {len(candidates)} or less" if candidates else "check --split",
        )
    ordered = sorted(candidates, key=lambda c: c.id)
    order = np.random.default_rng(seed).permutation(len(ordered))
    normal = normal_label(_classes(ordered))
    groups: dict[SampleKind, dict[str, list[Sample]]] = {
        kind: defaultdict(list) for kind in SampleKind
    }
    for i in order:
        candidate = ordered[i]
        kind = _kind(candidate, normal)
        groups[kind][candidate.label or ""].append(Sample(id=candidate.id, kind=kind))
    queues = [_take_turns([by_class[c] for c in sorted(by_class)]) for by_class in groups.values()]
    chosen = _take_turns(queues)[:num_samples]
    return sorted(chosen, key=lambda sample: list(SampleKind).index(sample.kind))


def _take_turns(queues: list[list[Sample]]) -> list[Sample]:
    return [sample for sample in chain(*zip_longest(*queues)) if sample is not None]


def _classes(candidates: Sequence[Candidate]) -> list[str]:
    for candidate in candidates:
        if candidate.prediction:  # knows the order of classes
            return list(candidate.prediction.probabilities)
    return sorted({candidate.label for candidate in candidates if candidate.label})


def _kind(candidate: Candidate, normal: str | None) -> SampleKind:
    if candidate.label is None:
        return SampleKind.unlabelled
    if candidate.prediction and candidate.prediction.label != candidate.label:
        return SampleKind.mistake
    return SampleKind.normal if candidate.label == normal else SampleKind.positive
