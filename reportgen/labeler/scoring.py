"""How well labels agree with those a person gave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from medx.core.statistics import bootstrap_interval
from medx.core.values import Interval, Value
from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.report_labels import FindingLabel

#: What is counted: statuses together and one by one, and what is said of findings not absent.
ASPECTS = ("status", "present", "absent", "uncertain", "side", "zone", "change")
_Counts = npt.NDArray[np.int64]


class LabelScore(Value):
    """Micro-averaged agreement over all findings of all texts."""

    aspect: str
    f1: Interval
    precision: float
    recall: float
    expected: int
    given: int
    agreed: int


def facts(labels: Iterable[FindingLabel], aspect: str) -> set[tuple[str, str]]:
    """Return (finding, value) for all that labels say under one aspect.

    No Finding counts where a text says it, not where it follows from all else.
    """
    said = set()
    for label in labels:
        if aspect in ("status", label.status.value):
            said.add((label.finding.value, label.status.value))
        elif label.status is not Status.absent:
            said.update((label.finding.value, value) for value in _values(label, aspect))
    return said


def stated_labels(labels: Iterable[FindingLabel]) -> list[FindingLabel]:
    """Leave out a No Finding that merely follows from all else."""
    return [lbl for lbl in labels if lbl.mentions or lbl.finding is not Finding.no_finding]


def score(
    given: Sequence[Iterable[FindingLabel]], expected: Sequence[Iterable[FindingLabel]]
) -> list[LabelScore]:
    """Score labels text by text; texts are resampled for the interval.

    Raises:
        ValueError: When there are no texts, or not as many of both.
    """
    if not given or len(given) != len(expected):
        raise ValueError(f"given and expected must be as many, got {len(given)}, {len(expected)}")
    found, wanted = [list(labels) for labels in given], [list(labels) for labels in expected]
    return [_score(found, wanted, aspect) for aspect in ASPECTS]


def _score(
    given: Sequence[list[FindingLabel]], expected: Sequence[list[FindingLabel]], aspect: str
) -> LabelScore:
    counts = np.array(
        [
            (len(a & b), len(a), len(b))
            for a, b in (
                (facts(g, aspect), facts(e, aspect)) for g, e in zip(given, expected, strict=True)
            )
        ]
    )
    agreed, said, wanted = (int(count) for count in counts.sum(axis=0))
    return LabelScore(
        aspect=aspect,
        f1=bootstrap_interval(_f1, counts),
        precision=agreed / said if said else float("nan"),
        recall=agreed / wanted if wanted else float("nan"),
        expected=wanted,
        given=said,
        agreed=agreed,
    )


def _f1(counts: _Counts) -> float:
    agreed, said, wanted = counts.sum(axis=0)
    return float(2 * agreed / (said + wanted)) if said + wanted else float("nan")


def _values(label: FindingLabel, aspect: str) -> list[str]:
    if aspect == "side":
        return [label.side.value] if label.side else []
    if aspect == "zone":
        return [zone.value for zone in label.zones]
    return [change.value for change in label.changes] if aspect == "change" else []
