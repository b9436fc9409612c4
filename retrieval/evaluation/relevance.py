"""Which images are relevant to one another: those that share a label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SEPARATOR = "|"

Codes = npt.NDArray[np.int64]


class Relevance:
    """Label sets of N images as codes, with which sets share a label.

    Args:
        labels: N label strings; several labels of one image are joined by ``|``.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        patterns, codes = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
        self.codes: Codes = np.asarray(codes, np.int64)
        sets = [frozenset(str(pattern).split(SEPARATOR)) for pattern in patterns]
        self.labels = tuple(sorted(frozenset().union(*sets))) if sets else ()
        self._shares = np.array([[bool(a & b) for b in sets] for a in sets], bool)
        self._holds = np.array([[name in names for names in sets] for name in self.labels], bool)

    def between(self, rows: Codes, others: Codes) -> npt.NDArray[np.bool_]:
        """Return whether images ``rows`` ``(Q,)`` share a label with ``others`` ``(Q, K)``."""
        return np.asarray(self._shares[self.codes[rows][:, None], self.codes[others]])

    def having(self, label: str) -> npt.NDArray[np.bool_]:
        """Return which of the N images hold ``label``."""
        return np.asarray(self._holds[self.labels.index(label)][self.codes])

    def counts(self, rows: Codes, gallery: Codes) -> Codes:
        """Return for each of ``rows`` how many images of ``gallery`` share a label with it."""
        held = np.bincount(self.codes[gallery], minlength=len(self._shares))
        return np.asarray((self._shares @ held)[self.codes[rows]], np.int64)
