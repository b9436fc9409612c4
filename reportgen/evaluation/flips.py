"""How often the same image gets another statement: by another prompt, run or engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from medx.core.bootstrap import Bootstrap
from medx.core.shares import measure_share
from reportgen.evaluation.results import Flip, FlipGroup, Reading
from reportgen.evaluation.runs import Writer
from reportgen.evaluation.statements import Statement
from reportgen.evaluation.subject import Subject

READING = Reading.possible

#: What can differ between two contenders, and what it is called.
_CHANGES = ("strategy", "engine", "run")

#: The stated classes; None: silent.
_Outcome = frozenset[str] | None


def pair_flips(subjects: Sequence[Subject], how: Bootstrap) -> list[Flip]:
    """Return every pair of engines' contenders that reported on the same images."""
    found = []
    for first, second in combinations(subjects, 2):
        rows, outcomes = _shared([first, second])
        rate = measure_share(_differ(outcomes), how.of(np.array(rows, np.intp)))
        if rate is None:
            continue
        one, two = _parts(first), _parts(second)
        changed = [name for name in ("strategy", "engine") if one[name] != two[name]]
        found.append(
            Flip(
                first=first.name,
                second=second.name,
                changed=" and ".join(changed or ["run"]),
                images=len(rows),
                rate=rate,
                chance=_chance(outcomes),
            )
        )
    return found


def group_flips(subjects: Sequence[Subject], how: Bootstrap) -> list[FlipGroup]:
    """Return, for contenders that differ in one thing alone, how often not all agree."""
    return [
        found
        for changed in _CHANGES
        for members in _groups(subjects, changed)
        if (found := _group(members, changed, how))
    ]


def _groups(subjects: Sequence[Subject], changed: str) -> list[list[Subject]]:
    """Group contenders that share all but ``changed``; of repeated ones the first counts.

    Reports by another engine or strategy may well come from a run of their own.
    """
    groups: dict[tuple[object, ...], dict[object, Subject]] = {}
    for subject in subjects:
        parts = _parts(subject)
        same = tuple(parts[name] for name in ("strategy", "engine") if name != changed)
        groups.setdefault(same, {}).setdefault(parts[changed], subject)
    return [list(members.values()) for members in groups.values() if len(members) > 1]


def _group(members: Sequence[Subject], changed: str, how: Bootstrap) -> FlipGroup | None:
    rows, outcomes = _shared(members)
    rate = measure_share(_differ(outcomes), how.of(np.array(rows, np.intp)))
    if rate is None:
        return None
    writer = _writer(members[0])
    of = {"strategy": writer.engine, "engine": writer.strategy}
    return FlipGroup(
        changed=changed,
        of=of.get(changed, f"{writer.engine}/{writer.strategy}"),
        contenders=[member.name for member in members],
        images=len(rows),
        rate=rate,
    )


def _shared(subjects: Sequence[Subject]) -> tuple[list[int], list[tuple[_Outcome, ...]]]:
    """Return the images on which all wrote a report, and what each states there."""
    rows, outcomes = [], []
    for i, said in enumerate(zip(*(subject.statements for subject in subjects), strict=True)):
        if all(subject.candidates[i] is not None for subject in subjects):
            rows.append(i)
            outcomes.append(tuple(_outcome(statement) for statement in said))
    return rows, outcomes


def _outcome(said: Statement | None) -> _Outcome:
    if said is None or not said.speaks:
        return None
    other = {"any other finding"} if said.is_abnormal(READING) else set()
    return said.stated(READING) or frozenset(other)


def _differ(outcomes: Sequence[tuple[_Outcome, ...]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([len(set(said)) > 1 for said in outcomes], np.bool_)


def _chance(outcomes: Sequence[tuple[_Outcome, ...]]) -> float:
    first, second = (Counter(said) for said in zip(*outcomes, strict=True))
    same = sum(first[key] * second[key] for key in first)
    return 1 - same / len(outcomes) ** 2


def _parts(subject: Subject) -> dict[str, object]:
    writer = _writer(subject)
    engine = (writer.engine, writer.model, writer.model_revision)
    strategy = (writer.strategy, writer.strategy_version)
    return {"strategy": strategy, "engine": engine, "run": subject.run}


def _writer(subject: Subject) -> Writer:
    if subject.writer is None:
        raise ValueError(f"flips need reports of an engine, got {subject.name}")
    return subject.writer
