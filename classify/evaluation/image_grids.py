"""Images to look at: right, wrong, and those a classifier was least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medx.core.figures import save_image_grid
from medx.core.images import Pixels

MOST = 20

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gallery:
    """N images with what is true and what was said of each.

    Args:
        pixels: ``uint8`` ``(N, S, S[, 3])``.
        ids: N names.
        target: Class indices ``(N,)``.
        predicted: Class indices ``(N,)``.
        probs: ``(N, C)``.
        classes: C names.
        operating_point: Threshold on the second of two classes, or None.
    """

    pixels: Pixels
    ids: Sequence[str]
    target: Ints
    predicted: Ints
    probs: Floats
    classes: Sequence[str]
    operating_point: float | None

    def worst_mistakes(self) -> Rows:
        """Return the wrong images, least probable truth first."""
        wrong = np.flatnonzero(self.predicted != self.target)
        return wrong[np.argsort(self.probs[wrong, self.target[wrong]], kind="stable")]

    def right_at_random(self, seed: int) -> Rows:
        """Return the right images in random order; the surest would flatter."""
        right = np.flatnonzero(self.predicted == self.target)
        return np.random.default_rng(seed).permutation(right)

    def least_sure(self) -> Rows:
        """Return all images, those nearest to another answer first."""
        if self.operating_point is not None:
            distance = np.abs(self.probs[:, 1] - self.operating_point)
        else:
            top = np.sort(self.probs, axis=1)
            distance = top[:, -1] - top[:, -2]
        return np.argsort(distance, kind="stable")


def save_grids(gallery: Gallery, folder: Path, *, seed: int) -> list[Path]:
    """Write ``failures.png``, ``correct.png`` and ``uncertain.png``, each where there is any."""
    total = len(gallery.ids)
    wrong, right = gallery.worst_mistakes(), gallery.right_at_random(seed)
    unsure = gallery.least_sure()
    titles = {
        "failures": (wrong, f"worst {{}} of {len(wrong)} mistakes among {total}"),
        "correct": (right, f"{{}} of {len(right)} right answers among {total}, at random"),
        "uncertain": (unsure, f"least sure {{}} of {total}"),
    }
    return [
        save_grid(gallery, rows[:MOST], folder / f"{name}.png", title.format(len(rows[:MOST])))
        for name, (rows, title) in titles.items()
        if len(rows)
    ]


def save_grid(gallery: Gallery, rows: Rows, path: Path, title: str) -> Path:
    """Write some of the images with truth, answer and the probability of the truth."""
    captions = [_caption(gallery, int(i)) for i in rows]
    pixels = [gallery.pixels[i] for i in rows]
    return save_image_grid(pixels, captions, path, title=f"{title} (truth → predicted)")


def _caption(gallery: Gallery, row: int) -> str:
    truth = gallery.classes[gallery.target[row]]
    said = gallery.classes[gallery.predicted[row]]
    of_truth = gallery.probs[row, gallery.target[row]]
    return f"{gallery.ids[row]}\n{truth} → {said}\np({truth}) = {of_truth:.3f}"
