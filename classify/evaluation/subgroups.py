"""Figures of the images that share a source, a sex, an age band."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from classify.evaluation.measured import Measured, Subgroup
from classify.evaluation.metrics import Case, measure_case
from medx.core.bootstrap import Bootstrap
from medx.core.console import warn
from medx.core.errors import UnknownNameError
from medx.datasets.manifest import Record

#: Below this many images an interval says little and an estimate misleads.
FEWEST = 20
MOST_VALUES = 30
BANDS = 4
UNKNOWN = "–"
FIELDS = ("source", "split", "label", "group")
SHOWN = ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "brier")


def columns_of(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the columns that images can be told apart by."""
    extra = dict.fromkeys(name for record in records for name in record.extra)
    return (*FIELDS, *extra)


def measure_subgroups(
    records: Sequence[Record], case: Case, classes: Sequence[str], by: Sequence[str], how: Bootstrap
) -> list[Subgroup]:
    """Return figures by source, where records name one, and by each column of ``by``.

    Args:
        records: N records.
        case: Truth, probabilities and decisions of the N.
        classes: Class names.
        by: Column names; one of many numbers is cut into quarters.
        how: How to make intervals.

    Raises:
        UnknownNameError: When a column does not exist.
    """
    check_columns(records, by)
    sourced = any(record.source for record in records)
    columns = dict.fromkeys([*(["source"] if sourced else []), *by])
    return [
        _measure_group(column, value, rows, case, classes, how)
        for column in columns
        for value, rows in _rows_by_value(column, records)
    ]


def check_columns(records: Sequence[Record], by: Sequence[str]) -> None:
    """Raise ``UnknownNameError`` when a column does not exist."""
    known = columns_of(records)
    for name in by:
        if name not in known:
            raise UnknownNameError("column", name, known)


def _measure_group(
    column: str,
    value: str,
    rows: np.ndarray,
    case: Case,
    classes: Sequence[str],
    how: Bootstrap,
) -> Subgroup:
    target = case.target[rows]
    metrics: Measured = {}
    if len(rows) >= FEWEST:
        part = Case(
            target=target,
            probs=case.probs[rows],
            predicted=case.predicted[rows],
            measured=case.measured,
        )
        whole = measure_case(part, how.of(rows))[0]
        metrics = {name: whole[name] for name in SHOWN}
        if len(np.unique(target)) == 1:  # of one class it would be its sensitivity
            metrics["balanced_accuracy"] = None
    counts = np.bincount(target, minlength=len(classes)).tolist()
    return Subgroup(
        column=column,
        value=value,
        n=len(rows),
        counts=dict(zip(classes, counts, strict=True)),
        too_few=len(rows) < FEWEST,
        metrics=metrics,
    )


def _rows_by_value(column: str, records: Sequence[Record]) -> Iterable[tuple[str, np.ndarray]]:
    values, order = _in_bands([_value(record, column) for record in records])
    counted = Counter(values)
    kept = {value for value, _ in counted.most_common(MOST_VALUES)}
    if len(kept) < len(counted):
        warn(f"{column} has {len(counted)} values; the {MOST_VALUES} most frequent are shown")
    array = np.array(values)
    for value in (value for value in order if value in kept):
        yield value, np.flatnonzero(array == value)


def _value(record: Record, column: str) -> str:
    found = getattr(record, column) if column in FIELDS else record.extra.get(column)
    return str(found).strip() or UNKNOWN if found is not None else UNKNOWN


def _in_bands(values: list[str]) -> tuple[list[str], list[str]]:
    """Cut a column of many numbers into quarters of about as many images; leave others alone.

    Returns the values and the order to show them in.
    """
    numbers = [_number(value) for value in values]
    known = [number for number in numbers if number is not None]
    blank = sum(value == UNKNOWN for value in values)
    if len(known) + blank < len(values) or len(set(known)) <= 2 * BANDS:
        return values, sorted(set(values))
    inner = np.quantile(known, np.arange(1, BANDS) / BANDS, method="lower")
    edges = np.unique([min(known), *inner, max(known)])
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names = [name if i == 0 else f"above {name}" for i, name in enumerate(names)]
    banded = [
        UNKNOWN if number is None else names[int(np.searchsorted(edges[1:-1], number))]
        for number in numbers
    ]
    return banded, [*names, UNKNOWN]


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
