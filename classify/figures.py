"""Pictures of a training run and of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.metrics import auroc
from classify.results import Epoch
from medx.core.figures import new_figure, save_figure, save_image_grid
from medx.core.images import Pixels

CURVE_POINTS = 500


def save_training_curves(history: Sequence[Epoch], path: Path) -> Path:
    """Draw loss and val AUC by epoch."""
    figure = new_figure(8, 3.4, title="training")
    losses, areas = figure.subplots(1, 2)
    epochs = [epoch.epoch for epoch in history]
    losses.plot(epochs, [epoch.train_loss for epoch in history], marker=".", label="train loss")
    losses.plot(
        epochs, [epoch.val_loss for epoch in history], marker=".", label="val (cross-entropy)"
    )
    losses.set(xlabel="epoch", ylabel="loss")
    losses.legend(fontsize=8)
    areas.plot(epochs, [epoch.val_auroc for epoch in history], marker=".", color="tab:green")
    areas.set(xlabel="epoch", ylabel="val AUC")
    return save_figure(figure, path)


def save_confusion_matrix(
    matrix: npt.NDArray[np.int64], classes: Sequence[str], path: Path, *, title: str
) -> Path:
    """Draw counts, shaded by the share of each true class."""
    side = 2.6 + 0.62 * len(classes)
    figure = new_figure(side + 0.6, side, title=title)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, classes)
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set_parse_math(False)
    axes.set(xlabel="predicted", ylabel="truth")
    return save_figure(figure, path)


def save_roc(
    target: npt.NDArray[np.int64],
    probs: npt.NDArray[np.floating],
    classes: Sequence[str],
    operating_point: float | None,
    path: Path,
) -> Path | None:
    """Draw the ROC curve of the positive class, or of each class against the rest.

    Returns:
        ``path``, or None when no class has both positives and negatives to draw.
    """
    drawn = range(1, 2) if len(classes) == 2 else range(len(classes))
    both = [c for c in drawn if 0 < np.count_nonzero(target == c) < len(target)]
    if not both:
        return None
    figure = new_figure(4.8, 4.8, title="ROC")
    axes = figure.subplots()
    for c in both:
        positive = target == c
        fall_out, hits = roc_curve(positive, probs[:, c])
        rows = np.unique(np.linspace(0, len(hits) - 1, CURVE_POINTS).astype(int))
        label = f"{classes[c]} (AUC {auroc(positive, probs[:, c]):.3f})"
        axes.plot(fall_out[rows], hits[rows], label=label)
        if operating_point is not None:
            yes = probs[:, c] >= operating_point
            axes.plot(yes[~positive].mean(), yes[positive].mean(), "o", label="chosen on val")
    axes.plot([0, 1], [0, 1], ":", color="0.6", label="chance")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
    for text in axes.legend(fontsize=8, loc="lower right").get_texts():
        text.set_parse_math(False)
    return save_figure(figure, path)


def roc_curve(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return false and true positive rate at every threshold, from (0, 0) to (1, 1)."""
    _, ranks = np.unique(-scores, return_inverse=True)
    hits = np.bincount(ranks[positive], minlength=int(ranks.max()) + 1)
    false = np.bincount(ranks[~positive], minlength=int(ranks.max()) + 1)
    return (
        np.append(0.0, np.cumsum(false) / false.sum()),
        np.append(0.0, np.cumsum(hits) / hits.sum()),
    )


def save_failures(
    pixels: Pixels,
    ids: Sequence[str],
    target: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64],
    probs: npt.NDArray[np.floating],
    classes: Sequence[str],
    path: Path,
    *,
    most: int = 20,
) -> Path | None:
    """Draw the mistakes made with the least doubt about the truth being otherwise.

    Returns:
        ``path``, or None when there is no mistake to draw.
    """
    wrong = np.flatnonzero(predicted != target)
    if len(wrong) == 0:
        return None
    worst = wrong[np.argsort(probs[wrong, target[wrong]], kind="stable")][:most]
    captions = [
        f"{ids[i]}\n{classes[target[i]]} → {classes[predicted[i]]}\n"
        f"p({classes[target[i]]}) = {probs[i, target[i]]:.3f}"
        for i in worst
    ]
    title = f"worst {len(worst)} of {len(wrong)} mistakes among {len(target)} (truth → predicted)"
    return save_image_grid([pixels[i] for i in worst], captions, path, title=title)
