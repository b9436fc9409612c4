"""Contenders against each other on the same images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from medx.core.bootstrap import Bootstrap
from medx.core.paired_tests import (
    BOOTSTRAP,
    EXACT,
    Difference,
    bootstrap_p_value,
    compare_accuracy,
    holm,
)
from medx.core.statistics import percentile_interval
from reportgen.evaluation.baselines import CLASSIFIER, CONSTANT, NORMAL, shuffled_name
from reportgen.evaluation.findings import micro_f1
from reportgen.evaluation.results import Kind, PairedTest, Reading
from reportgen.evaluation.statement_scores import is_right
from reportgen.evaluation.subject import Subject
from reportgen.evaluation.tally import Sums

READING = Reading.possible
AGREEMENT, FINDING_F1 = "label agreement", "finding F1"
#: The counts that the F1 is made of.
KEY = f"findings {READING.name}"


#: Below this people call a difference significant.
LEVEL = 0.05

#: First, second, statistic, images, what was found.
_Found = tuple[Subject, Subject, str, int, Difference]


class Measured(NamedTuple):
    """A contender with its sums."""

    subject: Subject
    sums: Mapping[str, Sums]


def paired_tests(
    measured: Sequence[Measured], true: Sequence[frozenset[str] | None], how: Bootstrap
) -> tuple[list[PairedTest], list[str]]:
    """Test every pair of engines' contenders, and each of them against its baselines.

    Args:
        measured: Contenders with their sums, baselines too.
        true: True classes by image; None where there is no label.
        how: What was resampled.

    Returns:
        Tests with Holm's correction, and what has to be known of them.
    """
    found: list[_Found] = []
    notes = []
    for first, second, statistics in _pairs(measured):
        asked = zip(first.subject.asked, second.subject.asked, strict=True)
        rows = [i for i, both in enumerate(asked) if all(both)]
        labelled = [i for i in rows if true[i] is not None]
        if labelled and AGREEMENT in statistics:
            told = _agreement(first, second, true, labelled, how)
            found.append((first.subject, second.subject, AGREEMENT, len(labelled), told))
        if FINDING_F1 not in statistics or not all(KEY in m.sums for m in (first, second)):
            continue
        if first.subject.asked != second.subject.asked:
            names = f"{first.subject.name} and {second.subject.name}"
            notes.append(f"no test of {names} in {FINDING_F1}: not of the same images")
        elif scored := _finding_f1(first, second, how):
            found.append((first.subject, second.subject, FINDING_F1, len(rows), scored))
    adjusted = _adjust(found)
    tests = [
        PairedTest(
            first=first.name,
            second=second.name,
            statistic=statistic,
            images=images,
            difference=difference.interval,
            p_value=difference.p_value,
            p_adjusted=p,
            method=difference.method,
            only_first=difference.only_first,
            only_second=difference.only_second,
        )
        for (first, second, statistic, images, difference), p in zip(found, adjusted, strict=True)
    ]
    return tests, list(dict.fromkeys([*notes, *_say_floor(found, how)]))


def _say_floor(found: Sequence[_Found], how: Bootstrap) -> list[str]:
    """Say when too few resamples hide any difference between that many contenders."""
    drawn = any(difference.method != EXACT for *_, difference in found)
    most = max(Counter(first.kind for first, *_ in found).values(), default=0)
    if not drawn or most * 2 / (how.resamples + 1) < LEVEL:
        return []
    return [
        f"{how.resamples} resamples are too few for {most} tests: no corrected p-value of a "
        f"bootstrap can be below {LEVEL}; take more --resamples"
    ]


def _adjust(found: Sequence[_Found]) -> list[float]:
    """Correct among engines, and against baselines, each for how many tests there are."""
    adjusted = [1.0] * len(found)
    for kind in Kind:
        own = [i for i, (first, *_) in enumerate(found) if first.kind is kind]
        for i, p in zip(own, holm([found[i][-1].p_value for i in own]), strict=True):
            adjusted[i] = p
    return adjusted


def _pairs(measured: Sequence[Measured]) -> Iterator[tuple[Measured, Measured, tuple[str, ...]]]:
    """Yield who is tested against whom, in what.

    Baselines: one constant report, the contender's own shuffled ones, and the classifier.
    """
    engines = [m for m in measured if m.subject.kind is Kind.engine]
    others = {m.subject.name: m for m in measured if m.subject.kind is Kind.baseline}
    both = (AGREEMENT, FINDING_F1)
    yield from ((*pair, both) for pair in combinations(engines, 2))
    constant = CONSTANT if CONSTANT in others else NORMAL
    for engine in engines:
        asked = {
            constant: both,
            shuffled_name(engine.subject): (FINDING_F1,),
            CLASSIFIER: (AGREEMENT,),
        }
        for name, statistics in asked.items():
            if name in others:
                yield others[name], engine, statistics


def _agreement(
    first: Measured,
    second: Measured,
    true: Sequence[frozenset[str] | None],
    rows: Sequence[int],
    how: Bootstrap,
) -> Difference:
    one, two = (
        np.array([_is_right(m.subject, i, true) for i in rows], np.bool_) for m in (first, second)
    )
    return compare_accuracy(one, two, how.of(np.array(rows, np.intp)))


def _is_right(subject: Subject, i: int, true: Sequence[frozenset[str] | None]) -> bool:
    said, wanted = subject.statements[i], true[i]
    return said is not None and wanted is not None and is_right(said, wanted, READING)


def _finding_f1(first: Measured, second: Measured, how: Bootstrap) -> Difference | None:
    drawn = micro_f1(second.sums[KEY].samples) - micro_f1(first.sums[KEY].samples)
    totals = [float(micro_f1(m.sums[KEY].total[None])[0]) for m in (first, second)]
    interval = percentile_interval(totals[1] - totals[0], drawn)
    if interval is None:
        return None
    return Difference(
        interval=interval,
        p_value=bootstrap_p_value(drawn),
        method=f"{BOOTSTRAP} by {how.unit}",
    )
