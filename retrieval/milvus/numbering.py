"""Which row of a gallery stands at which place of its collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
#: From the first to before the last.
Range = tuple[int, int]


class Numbering:
    """Rows 0, 1, … of a gallery and places of a collection, in runs of both that go together.

    Args:
        ranges: Places, run by run in the order of the rows.
    """

    def __init__(self, ranges: Iterable[Range]) -> None:
        runs = np.array([run for run in ranges if run[1] > run[0]], np.int64).reshape(-1, 2)
        self._starts, self._ends = runs[:, 0], runs[:, 1]
        self._rows = np.concatenate([[0], np.cumsum(self._ends - self._starts)])

    @classmethod
    def of_places(cls, places: Whole) -> Numbering:
        """Return the numbering of places in a given order."""
        places = np.asarray(places, np.int64)
        cuts = np.flatnonzero(np.diff(places) != 1) + 1
        starts, ends = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(places)]])
        if len(places) == 0:
            return cls([])
        firsts, lasts = places[starts], places[ends - 1] + 1
        return cls(zip(firsts.tolist(), lasts.tolist(), strict=True))

    @classmethod
    def up_to(cls, end: int, gaps: Sequence[Range] = ()) -> Numbering:
        """Return the numbering of the places before ``end`` that are not in ascending gaps."""
        firsts = [0, *(last for _, last in gaps)]
        return cls(zip(firsts, [*(first for first, _ in gaps), end], strict=True))

    def __len__(self) -> int:
        return int(self._rows[-1])

    @property
    def ranges(self) -> list[Range]:
        """The runs of places, in the order of the rows."""
        return list(zip(self._starts.tolist(), self._ends.tolist(), strict=True))

    @property
    def span(self) -> Range:
        """The first place and the one behind the last."""
        return (int(self._starts.min()), int(self._ends.max())) if len(self) else (0, 0)

    def places(self, rows: Whole | None = None) -> Whole:
        """Return the places of some rows, or of all.

        Raises:
            IndexError: When there is no such row.
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows, np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows must be below {len(self)}, got {rows.min()} to {rows.max()}")
        run = np.searchsorted(self._rows, rows, side="right") - 1
        if len(rows) == 0:
            return rows
        return np.asarray(self._starts[run] + rows - self._rows[run], np.int64)

    def rows(self, places: Whole) -> Whole:
        """Return the rows at some places, -1 where there is none."""
        places = np.asarray(places, np.int64)
        if len(self) == 0:
            return np.full(len(places), -1, np.int64)
        run = self._order[
            np.maximum(np.searchsorted(self._starts[self._order], places, side="right") - 1, 0)
        ]
        inside = (places >= self._starts[run]) & (places < self._ends[run])
        return np.where(inside, self._rows[run] + places - self._starts[run], -1)

    @cached_property
    def _order(self) -> Whole:
        return np.argsort(self._starts, kind="stable")


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in ascending order, those that touch or overlap as one."""
    whole: list[Range] = []
    for first, last in sorted(run for run in ranges if run[1] > run[0]):
        if whole and first <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return whole
