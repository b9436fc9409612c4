"""Pictures of an evaluation that show probabilities, benefit and where images lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.evaluation.embedding_map import EmbeddingMap
from classify.evaluation.figures import CROWDED, draw_legend
from classify.evaluation.measured import Benefit, ReliabilityBin
from medx.core.figures import new_figure, save_figure

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


def save_reliability(
    bins: Sequence[ReliabilityBin], scores: Floats, path: Path, *, said: str, title: str
) -> Path:
    """Draw what came true by what was said, above how often it was said.

    Args:
        bins: Lowest probability first.
        scores: Probabilities of all images ``(N,)``.
        path: The PNG to write.
        said: What the probability is of.
        title: Heading.
    """
    figure = new_figure(4.8, 5.6, title=title)
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 1], [0, 1], ":", color="0.6", label="as said")
    size = np.sqrt([b.n for b in bins])
    axes.plot([b.predicted for b in bins], [b.observed for b in bins], color="tab:blue")
    axes.scatter(
        [b.predicted for b in bins],
        [b.observed for b in bins],
        s=12 + 60 * size / size.max(),
        color="tab:blue",
        label="bins of equal mass; area grows with images",
    )
    axes.set(ylabel="share that came true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    draw_legend(axes)
    below.hist(scores, bins=25, range=(0, 1), color="0.6")
    below.set(ylabel="images")
    below.set_xlabel(said, parse_math=False)
    return save_figure(figure, path)


def save_decision_curves(
    curves: Mapping[str, Sequence[Benefit]], thresholds: Mapping[str, float], path: Path
) -> Path | None:
    """Draw net benefit by threshold, beside acting on all images and on none.

    Args:
        curves: By class.
        thresholds: Operating points to mark, by name.
        path: The PNG to write.

    Returns:
        ``path``, or None when there is no curve.
    """
    drawn = {name: curve for name, curve in curves.items() if curve}
    if not drawn:
        return None
    crowded = len(drawn) > CROWDED
    figure = new_figure(7.8 if crowded else 5.6, 4.2, title="decision curve")
    axes = figure.subplots()
    highest = 0.0
    for name, curve in drawn.items():
        at = [b.threshold for b in curve]
        line = axes.plot(at, [b.model.estimate for b in curve], label=f" act on {name} as told")[0]
        low, high = [b.model.low for b in curve], [b.model.high for b in curve]
        axes.fill_between(at, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
        every = f" act on all as {name}"
        axes.plot(at, [b.treat_all for b in curve], "--", color=line.get_color(), label=every)
        highest = max(highest, *(b.model.high for b in curve), curve[0].treat_all)
    axes.axhline(0, color="0.4", linewidth=1, label="act on none")
    for name, threshold in thresholds.items():
        axes.axvline(threshold, linestyle=":", color="0.6", linewidth=1)
        axes.text(threshold, 1.02 * highest, f" {name}", fontsize=7, rotation=90, va="top")
    axes.set(xlabel="probability at which acting is just worth it", ylabel="net benefit")
    axes.set_ylim(-0.12 * highest - 0.01, 1.05 * highest + 0.01)
    draw_legend(axes, beside=crowded)
    return save_figure(figure, path)


def save_embedding_map(
    placed: EmbeddingMap, target: Ints, predicted: Ints, classes: Sequence[str], path: Path
) -> Path:
    """Draw where images lie, coloured by class and by whether they were right."""
    figure = new_figure(9.6, 4.6, title=placed.title)
    by_class, by_error = figure.subplots(1, 2)
    truth, wrong = target[placed.rows], (target != predicted)[placed.rows]
    for c, name in enumerate(classes):
        if np.any(truth == c):
            by_class.scatter(*placed.points[truth == c].T, s=7, label=f" {name}", alpha=0.75)
    for chosen, name, colour in ((~wrong, "right", "0.7"), (wrong, "wrong", "tab:red")):
        by_error.scatter(
            *placed.points[chosen].T, s=7, color=colour, label=f"{name} ({chosen.sum()})"
        )
    for axes in (by_class, by_error):
        axes.set(xticks=[], yticks=[])
        draw_legend(axes)
    return save_figure(figure, path)
