"""What leaving out the least certain images would gain: risk against coverage.

The curve and its area are those of Geifman and El-Yaniv (2017).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from medx.core.bootstrap import Bootstrap
from medx.core.figures import new_figure, save_figure
from medx.core.shares import measure_share
from medx.core.values import Interval, Value

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

COVERAGES = (0.8, 0.9, 0.95)
CURVE_POINTS = 200


class SelectiveAccuracy(Value):
    """Accuracy on the share of images that the classifier is surest of."""

    coverage: float
    n: int
    accuracy: Interval | None


class AbstentionResult(Value):
    """How well certainty sorts right answers from wrong ones."""

    aurc: float = Field(description="Area under the risk-coverage curve; lower is better.")
    aurc_chance: float = Field(description="Of a certainty that says nothing: the error rate.")
    aurc_best: float = Field(description="Of one that puts every mistake last.")
    selective: list[SelectiveAccuracy]


def certainty(probs: Floats, operating_point: float | None) -> npt.NDArray[np.float64]:
    """Return how far each decision is from another one ``(N,)``; only its order means something.

    Args:
        probs: ``(N, C)``.
        operating_point: With one, the distance from it in log-odds; else the top probability.
    """
    values = np.asarray(probs, np.float64)
    if operating_point is None:
        return np.asarray(values.max(axis=1), np.float64)
    tiny = 1e-12
    clipped = np.clip(values[:, 1], tiny, 1 - tiny)
    point = min(max(operating_point, tiny), 1 - tiny)
    odds = np.log(clipped / (1 - clipped)) - np.log(point / (1 - point))
    return np.asarray(np.abs(odds), np.float64)


def risk_coverage(right: Flags, sureness: Floats) -> npt.NDArray[np.float64]:
    """Return the error rate among the n surest images, for n = 1 … N; ties count by their mean.

    Args:
        right: ``(N,)``.
        sureness: ``(N,)``, larger is surer.
    """
    order = np.argsort(-np.asarray(sureness), kind="stable")
    ranked = np.asarray(sureness)[order]
    wrong = (~right[order]).astype(np.float64)
    group = np.cumsum(np.append(0, ranked[1:] != ranked[:-1]))
    shared = np.bincount(group, wrong) / np.bincount(group)
    return np.asarray(np.cumsum(shared[group]) / np.arange(1, len(right) + 1), np.float64)


def measure_abstention(right: Flags, sureness: Floats, how: Bootstrap) -> AbstentionResult:
    """Return area and accuracies of N decisions.

    Args:
        right: ``(N,)``.
        sureness: ``(N,)``, as ``certainty`` gives it.
        how: What belongs together.
    """
    count = len(right)
    # Images often come sorted by class, which must not decide among equally sure ones.
    mixed = np.random.default_rng(0).permutation(count)
    order = mixed[np.argsort(-np.asarray(sureness)[mixed], kind="stable")]
    errors = count - int(np.count_nonzero(right))
    best = np.maximum(np.arange(1, count + 1) - (count - errors), 0) / np.arange(1, count + 1)
    selective = []
    for coverage in COVERAGES:
        kept = order[: max(1, round(coverage * count))]
        accuracy = measure_share(right[kept], how.of(kept))
        selective.append(SelectiveAccuracy(coverage=coverage, n=len(kept), accuracy=accuracy))
    return AbstentionResult(
        aurc=float(risk_coverage(right, sureness).mean()),
        aurc_chance=errors / count,
        aurc_best=float(best.mean()),
        selective=selective,
    )


def save_risk_coverage(right: Flags, sureness: Floats, path: Path) -> Path:
    """Draw the error rate against the share of images that are not left out."""
    risks = risk_coverage(right, sureness)
    rows = np.unique(np.linspace(0, len(risks) - 1, CURVE_POINTS).astype(int))
    figure = new_figure(4.8, 3.6, title="risk against coverage")
    axes = figure.subplots()
    axes.plot((rows + 1) / len(risks), risks[rows], label=f"AURC {risks.mean():.4f}")
    axes.axhline(risks[-1], linestyle=":", color="0.6", label="no image left out")
    axes.set(xlabel="share of images answered", ylabel="error rate", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return save_figure(figure, path)
