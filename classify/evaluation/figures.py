"""Pictures of a training run, and of how well classes are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classify.evaluation.ranking import auprc, auroc, precision_recall_curve, roc_curve
from classify.results import Epoch
from medx.core.figures import new_figure, save_figure

CURVE_POINTS = 500

#: More curves than this leave no free corner for a legend.
CROWDED = 3

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


def save_training_curves(history: Sequence[Epoch], path: Path) -> Path:
    """Draw loss and val AUC by epoch."""
    figure = new_figure(8, 3.4, title="training")
    losses, areas = figure.subplots(1, 2)
    for member in range(max((epoch.member for epoch in history), default=0) + 1):
        own = [epoch for epoch in history if epoch.member == member]
        epochs = [epoch.epoch for epoch in own]
        first = member == 0  # one legend for all networks of an ensemble
        curves = (
            (losses, [epoch.train_loss for epoch in own], "tab:blue", "train loss"),
            (losses, [epoch.val_loss for epoch in own], "tab:orange", "val (cross-entropy)"),
            (areas, [epoch.val_auroc for epoch in own], "tab:green", "val AUC"),
        )
        for axes, values, colour, label in curves:
            axes.plot(epochs, values, marker=".", color=colour, label=label if first else None)
    losses.set(xlabel="epoch", ylabel="loss")
    losses.legend(fontsize=8)
    areas.set(xlabel="epoch", ylabel="val AUC")
    return save_figure(figure, path)


def save_confusion_matrix(matrix: Ints, classes: Sequence[str], path: Path, *, title: str) -> Path:
    """Draw counts, and beside them the share of each true class; both shaded by the share."""
    side = 2.6 + 0.62 * len(classes)
    figure = new_figure(2 * side + 0.6, side, title=title)
    absolute, shares = figure.subplots(1, 2)
    held = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.maximum(held, 1)
    _draw_matrix(absolute, share, [[str(n) for n in row] for row in matrix], classes)
    texts = [
        [f"{value:.2f}" if n else "–" for value in row]
        for row, n in zip(share, held[:, 0], strict=True)
    ]
    _draw_matrix(shares, share, texts, classes)
    absolute.set_title("images", fontsize=9)
    shares.set_title("share of each true class", fontsize=9)
    return save_figure(figure, path)


def save_roc(
    target: Ints,
    probs: Floats,
    classes: Sequence[str],
    operating_points: Mapping[str, float],
    path: Path,
) -> Path | None:
    """Draw the ROC curve of the positive class, or of each class against the rest.

    Args:
        target: Class indices ``(N,)``.
        probs: ``(N, C)``.
        classes: Their names.
        operating_points: Thresholds on the positive class of two to mark, by name.
        path: The PNG to write.

    Returns:
        ``path``, or None when no class has both positives and negatives to draw.
    """
    both = drawable(target, len(classes))
    if not both:
        return None
    crowded = len(both) > CROWDED
    figure = new_figure(7.2 if crowded else 4.8, 4.8, title="ROC")
    axes = figure.subplots()
    for c in both:
        positive = target == c
        label = f"{classes[c]} (AUC {auroc(positive, probs[:, c]):.3f})"
        draw_curve(axes, *roc_curve(positive, probs[:, c]), label=label)
        for name, threshold in operating_points.items():
            yes = probs[:, c] >= threshold
            axes.plot(yes[~positive].mean(), yes[positive].mean(), "o", label=name)
    axes.plot([0, 1], [0, 1], ":", color="0.6", label="chance")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
    draw_legend(axes, loc="lower right", beside=crowded)
    return save_figure(figure, path)


def save_precision_recall(
    target: Ints, probs: Floats, classes: Sequence[str], path: Path
) -> Path | None:
    """Draw precision by recall as ``save_roc`` does; chance is the share of the class."""
    both = drawable(target, len(classes))
    if not both:
        return None
    crowded = len(both) > CROWDED
    figure = new_figure(7.8 if crowded else 4.8, 4.8, title="precision and recall")
    axes = figure.subplots()
    for c in both:
        positive = target == c
        recall, precision = precision_recall_curve(positive, probs[:, c])
        label = (
            f"{classes[c]} (AP {auprc(positive, probs[:, c]):.3f}, chance {positive.mean():.3f})"
        )
        drawn = draw_curve(axes, recall, precision, label=label)
        axes.axhline(positive.mean(), linestyle=":", color=drawn.get_color(), linewidth=1)
    axes.set(xlabel="recall (sensitivity)", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    draw_legend(axes, loc="lower left", beside=crowded)
    return save_figure(figure, path)


def drawable(target: Ints, num_classes: int) -> list[int]:
    """Return the classes to draw: the second of two or all, where some images are of it not all."""
    drawn = range(1, 2) if num_classes == 2 else range(num_classes)
    return [c for c in drawn if 0 < np.count_nonzero(target == c) < len(target)]


def draw_legend(axes: Any, *, loc: str = "best", beside: bool = False) -> None:
    """Draw the legend, in the axes or right of them; class names are never formulas."""
    if beside:
        handles, labels = axes.get_legend_handles_labels()
        legend = axes.figure.legend(handles, labels, fontsize=8, loc="outside right upper")
    else:
        legend = axes.legend(fontsize=8, loc=loc)
    for text in legend.get_texts():
        text.set_parse_math(False)


def draw_curve(axes: Any, x: Floats, y: Floats, *, label: str) -> Any:
    """Draw a curve of any number of points, and return its line."""
    rows = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(int))
    # matplotlib hides what starts with an underscore.
    return axes.plot(x[rows], y[rows], label=f" {label}", drawstyle="default")[0]


def _draw_matrix(
    axes: Any, share: Floats, texts: Sequence[Sequence[str]], classes: Sequence[str]
) -> None:
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=colour)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, classes)
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set_parse_math(False)
    axes.set(xlabel="predicted", ylabel="truth")
