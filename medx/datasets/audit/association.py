"""Whether labels follow something that is not disease: a hospital, a file format, a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medx.datasets.audit.result import ClassFromAttribute, LabelAssociation

Table = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

PERMUTATIONS = 199

#: Rarer values are pooled: a value of its own for each image would explain every label.
RAREST_VALUE = 5
POOLED = "(rare values)"


def cramers_v(table: Table) -> float:
    """Return the bias-corrected Cramér's V of a contingency table (Bergsma 2013).

    Args:
        table: Counts ``(R, C)``.

    >>> round(cramers_v(np.array([[50, 0], [0, 50]])), 3)
    1.0
    >>> cramers_v(np.array([[25, 25], [25, 25]]))
    0.0
    """
    table = table[table.any(1)][:, table.any(0)]
    rows, columns = table.shape
    total = int(table.sum())
    if min(rows, columns) < 2 or total < 2:
        return 0.0
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / total
    phi2 = float(((table - expected) ** 2 / expected).sum()) / total
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (total - 1))
    rows_, columns_ = (n - (n - 1) ** 2 / (total - 1) for n in (rows, columns))
    smaller = min(rows_, columns_) - 1
    return min(1.0, (phi2 / smaller) ** 0.5) if smaller > 0 else 0.0


def associate(
    attribute: str,
    values: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> LabelAssociation | None:
    """Return how labels follow a value; None when either is the same everywhere.

    Args:
        attribute: What the values are, for people to read.
        values: One an image.
        labels: One an image, or several joined by ``|``.
        groups: Patients; whole groups are permuted where each has one value.
        seed: Seed of the permutations.

    Raises:
        ValueError: When the three differ in length.
    """
    lengths = {len(values), len(labels), len(values if groups is None else groups)}
    if len(lengths) > 1:
        raise ValueError(f"values, labels and groups must share one length, got {lengths}")
    counted = Counter(values)
    pooled = [v if counted[v] >= RAREST_VALUE else POOLED for v in values]
    value_names, value_of = _coded(pooled)
    rows, label_names, label_of = _label_pairs(labels)
    if len(value_names) < 2 or len(label_names) < 2:
        return None
    shape = (len(label_names), len(value_names))
    table = _tabulate(label_of, value_of[rows], shape)
    v = cramers_v(table)
    unit_of, value_of_unit = _units(groups, value_of)
    rng = np.random.default_rng(seed)
    as_strong = sum(
        cramers_v(_tabulate(label_of, rng.permutation(value_of_unit)[unit_of][rows], shape)) >= v
        for _ in range(PERMUTATIONS)
    )
    return LabelAssociation(
        attribute=attribute,
        cramers_v=v,
        p_value=(1 + as_strong) / (1 + PERMUTATIONS),
        permutations=PERMUTATIONS,
        classes=_tell_classes(table, label_names, value_names, Counter(pooled), len(values)),
    )


def _tell_classes(
    table: Table, labels: list[str], values: list[str], images: Counter[str], total: int
) -> list[ClassFromAttribute]:
    """Return, for each class, how far the best rule on the value alone tells it from the rest."""
    with_value = np.array([images[value] for value in values])
    told = []
    for row, label in zip(table, labels, strict=True):
        others = with_value - row
        if not row.sum() or not others.sum():
            continue
        # The best rule says yes to each value more frequent inside the class than outside.
        difference = row / row.sum() - others / others.sum()
        typical = int(np.argmax(row))
        told.append(
            ClassFromAttribute(
                label=label,
                balanced_accuracy=0.5 + float(difference.clip(0).sum()) / 2,
                typical=values[typical],
                share_of_class=float(row[typical] / row.sum()),
                share_of_value=float(row[typical] / with_value[typical]),
            )
        )
    return told


def _coded(names: Sequence[str]) -> tuple[list[str], Indices]:
    found, codes = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return [str(name) for name in found], codes


def _label_pairs(labels: Sequence[str]) -> tuple[Indices, list[str], Indices]:
    """Return image, and class, of every label of every image, and the names of the classes."""
    pairs = [(i, part) for i, label in enumerate(labels) for part in label.split("|")]
    names, codes = _coded([part for _, part in pairs])
    return np.array([i for i, _ in pairs], np.intp), names, codes


def _units(groups: Sequence[str] | None, value_of: Indices) -> tuple[Indices, Indices]:
    """Return what is permuted together: the unit of each image and the value of each unit."""
    single = np.arange(len(value_of))
    if groups is None:
        return single, value_of
    _, first, unit_of = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    if not np.array_equal(value_of[first][unit_of], value_of):
        return single, value_of
    return unit_of, value_of[first]


def _tabulate(label_of: Indices, value_of: Indices, shape: tuple[int, int]) -> Table:
    counts = np.bincount(label_of * shape[1] + value_of, minlength=shape[0] * shape[1])
    return counts.reshape(shape).astype(np.int64)
