"""Features on a plane by t-SNE (van der Maaten & Hinton 2008), to see what lies near what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from classify.predict import Classifier
from medx.core.images import Pixels

#: t-SNE takes seconds for so many points, minutes for ten times as many.
MOST_POINTS = 1000
FEWEST_POINTS = 10
DIMENSIONS = 30
ITERATIONS = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingMap:
    """Where images lie on the plane.

    Args:
        rows: Which of the images, ascending ``(M,)``.
        points: ``(M, 2)``; only nearness means anything.
        total: How many images there were to choose from.
    """

    rows: npt.NDArray[np.intp]
    points: npt.NDArray[np.float64]
    total: int

    @property
    def title(self) -> str:
        """What is shown, and how much of it."""
        shown = len(self.rows)
        of = (
            f"{shown} of {self.total} images, at random"
            if shown < self.total
            else f"{shown} images"
        )
        return f"features of {of} (t-SNE)"


def map_embeddings(classifier: Classifier, pixels: Pixels, *, seed: int) -> EmbeddingMap | None:
    """Return a map of at most 1000 images, drawn at random where there are more.

    None when there are too few images, or all have the same features.
    """
    total = len(pixels)
    if total < FEWEST_POINTS:
        return None
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(total)[:MOST_POINTS])
    features = np.asarray(classifier.features(pixels[rows]), np.float64)
    points = place(features, seed=seed)
    return None if points is None else EmbeddingMap(rows=rows, points=points, total=total)


def place(features: npt.NDArray[np.float64], *, seed: int) -> npt.NDArray[np.float64] | None:
    """Return t-SNE points ``(N, 2)`` of features ``(N, D)``; None when they do not differ."""
    spread = features.std(axis=0)
    if not np.isfinite(features).all() or np.count_nonzero(spread > 1e-9) < 2:
        return None
    fewest = min(features.shape)
    reduced = features
    if fewest > DIMENSIONS:
        reduced = PCA(DIMENSIONS, svd_solver="randomized", random_state=seed).fit_transform(
            features
        )
    plane = TSNE(
        init="pca",
        perplexity=min(30.0, (len(features) - 1) / 3),
        max_iter=ITERATIONS,
        random_state=seed,
        n_jobs=1,
    )
    found: npt.NDArray[np.float64] = plane.fit_transform(reduced)
    return found
