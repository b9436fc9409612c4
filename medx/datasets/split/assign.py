"""Placing units into splits: near the wanted shares, of all records and of each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from medx.datasets.manifest import Record

#: Units that are looked at for each that is moved: all of them would be quadratic.
MOST_COMPARED = 256


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Records that stay together: how many, and how many of each label."""

    size: int
    labels: Mapping[str, int] = field(default_factory=dict)


def build_units(records: Sequence[Record], units: Sequence[int], *, stratify: bool) -> list[Unit]:
    """Return the size and labels of each unit that ``find_units`` numbered.

    Each label of ``a|b`` counts for itself.
    """
    sizes, labels = Counter(units), [Counter[str]() for _ in set(units)]
    for record, unit in zip(records, units, strict=True):
        if stratify and record.label:
            labels[unit].update(record.label.split("|"))
    return [Unit(size=sizes[unit], labels=found) for unit, found in enumerate(labels)]


def assign_units(units: Sequence[Unit], fractions: Sequence[float], *, seed: int) -> list[int]:
    """Return which split each unit goes to.

    The rarest label is placed first, each unit where most of that label's share is lacking, large
    units before small ones (iterative stratification, Sechidis et al. 2011, on units instead of
    records). Then units move until every split is within one unit, the largest, of its wanted size.
    When there are enough units no split stays empty, which may cost a few units that bound.

    Args:
        units: What is placed.
        fractions: Wanted share of each split, > 0, summing to 1.
        seed: Decides among equals.
    """
    shares = [fraction / sum(fractions) for fraction in fractions]
    shuffled = [int(i) for i in np.random.default_rng(seed).permutation(len(units))]
    placement = _Placement(units, shares, shuffled)
    # By powers of two: sorted to the last record, sizes would leave the seed nothing to decide.
    order = sorted(shuffled, key=lambda unit: -units[unit].size.bit_length())
    holders: dict[str, list[int]] = {}
    for unit in order:
        for label in units[unit].labels:
            holders.setdefault(label, []).append(unit)
    for label in sorted(holders, key=lambda label: (len(holders[label]), label)):
        placement.place(holders[label], label)
    placement.place(order)
    placement.even_out()
    placement.fill_empty()
    return placement.sides


class _Placement:
    """Where each unit is, and what each split still lacks of its wanted counts."""

    def __init__(
        self, units: Sequence[Unit], shares: Sequence[float], shuffled: Sequence[int]
    ) -> None:
        self.units = units
        self.shuffled = shuffled
        self.sides = [-1] * len(units)
        self.splits = range(len(shares))
        self.shares = shares
        self.unplaced = sum(unit.size for unit in units)
        self.room = [share * self.unplaced for share in shares]
        counts: Counter[str] = Counter()
        for unit in units:
            counts.update(unit.labels)
        self.lacking = {name: [share * n for share in shares] for name, n in counts.items()}

    def place(self, order: Sequence[int], label: str | None = None) -> None:
        """Put each unit that has no place where most of ``label`` is lacking, then most records.

        Most for the split's share: the most in records would send every large unit to train.
        """
        lacking = self.room if label is None else self.lacking[label]
        # Labels too rare for every split would all round the same way, so for them also counts
        # what the labels before have left out of balance.
        rare = len(order) < len(self.shares)
        carry = [
            (room - share * self.unplaced) * rare
            for room, share in zip(self.room, self.shares, strict=True)
        ]
        for unit in order:
            if self.sides[unit] < 0:
                size = self.units[unit].size
                half = (size if label is None else self.units[unit].labels[label]) / 2
                needs = [
                    # Half the unit counts as placed, as in Webster's method of apportionment.
                    (
                        (lacking[s] + min(max(carry[s], -half), half) - half) / share,
                        (self.room[s] - size / 2) / share,
                    )
                    for s, share in enumerate(self.shares)
                ]
                self.move(unit, needs.index(max(needs)))
                self.unplaced -= size

    def move(self, unit: int, side: int) -> None:
        """Put a unit into a split, taking it out of the one it is in."""
        former, self.sides[unit] = self.sides[unit], side
        for split, sign in ((side, -1), (former, 1)):
            if split >= 0:
                self.room[split] += sign * self.units[unit].size
                for label, count in self.units[unit].labels.items():
                    self.lacking[label][split] += sign * count

    def even_out(self) -> None:
        """Move units until no split is further off its size than the largest unit.

        A move from a split that is too full by more than its unit to one that has room, or the
        reverse, always lessens the squared deviations, so this ends.
        """
        largest = max((unit.size for unit in self.units), default=0)
        while True:
            worst = max(self.splits, key=lambda s: abs(self.room[s]))
            if abs(self.room[worst]) <= largest + 1e-6:
                return
            fullest = min(self.splits, key=lambda s: self.room[s])
            emptiest = max(self.splits, key=lambda s: self.room[s])
            donor, receiver = (worst, emptiest) if self.room[worst] < 0 else (fullest, worst)
            self.move(self._best_of(donor, receiver), receiver)

    def fill_empty(self) -> None:
        """Give each empty split a unit of the one that has most."""
        held = Counter(self.sides)
        for split in self.splits:
            donor, count = held.most_common(1)[0]
            if not held[split] and count > 1:
                self.move(self._best_of(donor, split), split)
                held = Counter(self.sides)

    def _best_of(self, donor: int, receiver: int) -> int:
        """Return a unit whose move leaves sizes and labels near the wanted ones."""

        def cost(unit: int) -> float:
            size = self.units[unit].size
            total = size * (self.room[donor] - self.room[receiver] + size)
            return total + sum(
                count * (self.lacking[label][donor] - self.lacking[label][receiver] + count)
                for label, count in self.units[unit].labels.items()
            )

        held = (unit for unit in self.shuffled if self.sides[unit] == donor)
        return min(islice(held, MOST_COMPARED), key=cost)
