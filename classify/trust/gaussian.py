"""Normal distributions around class means with one shared covariance (Lee et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf

Floats = npt.NDArray[np.floating]

#: More dimensions than this are projected on the main ones: the file grows with their square.
MOST_DIMENSIONS = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian:
    """Where vectors of each class lie.

    Args:
        means: ``(C, D)``.
        whitening: ``(D, K)``; vectors times it have the covariance of a unit ball.
    """

    means: npt.NDArray[np.float32]
    whitening: npt.NDArray[np.float32]

    def distance(self, vectors: Floats) -> npt.NDArray[np.float64]:
        """Return the Mahalanobis distance ``(N,)`` of vectors ``(N, D)`` to the nearest mean."""
        white = np.asarray(vectors, np.float64) @ self.whitening
        centres = self.means.astype(np.float64) @ self.whitening
        squared = [((white - centre) ** 2).sum(axis=1) for centre in centres]
        return np.asarray(np.sqrt(np.min(squared, axis=0)), np.float64)


def fit_gaussian(vectors: Floats, target: npt.NDArray[np.int64] | None = None) -> Gaussian:
    """Return the distribution of vectors ``(N, D)``, around one mean a class when these are given.

    The covariance is shrunk as far as its own noise asks for (Ledoit and Wolf 2004), so that few
    vectors of many dimensions give one that can be inverted.

    Args:
        vectors: ``(N, D)``.
        target: Class indices ``(N,)``.
    """
    rows = np.asarray(vectors, np.float64)
    labels = np.zeros(len(rows), np.int64) if target is None else target
    classes, inverse = np.unique(labels, return_inverse=True)
    means = np.stack([rows[inverse == c].mean(axis=0) for c in range(len(classes))])
    centred = rows - means[inverse]
    basis = np.eye(rows.shape[1])
    if rows.shape[1] > MOST_DIMENSIONS:
        _, directions = np.linalg.eigh(centred.T @ centred)
        basis = directions[:, -MOST_DIMENSIONS:]
    spread = LedoitWolf(assume_centered=True).fit(centred @ basis).covariance_
    # A dimension that never varies would make the smallest deviation infinitely strange.
    floor = 1e-6 * max(float(np.trace(spread)) / len(spread), 1e-12)
    values, vectors_of = np.linalg.eigh(spread)
    whitening = basis @ (vectors_of / np.sqrt(np.maximum(values, floor)))
    return Gaussian(means=means.astype(np.float32), whitening=whitening.astype(np.float32))
