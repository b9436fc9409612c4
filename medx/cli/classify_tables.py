"""How ``medx classify`` shows its results to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medx.core.console import print_line, print_table

if TYPE_CHECKING:
    from classify.results import EvaluationResult, Measured, PredictionSet, TrainResult

SHOWN = 20


def print_training(result: TrainResult) -> None:
    """Print what a finished training reached on val."""
    kind = " (synthetic)" if result.synthetic else ""
    print_line(
        f"{result.model} on {result.dataset}{kind}, {result.size} px, from "
        f"{result.initial_weights}: best epoch {result.best_epoch} of {result.epochs_run}, "
        f"{result.seconds:.0f} s on {result.device}"
    )
    _print_metrics("val", result.n_val, result.val, result.val_at_half, result.operating_point)
    if result.skipped:
        print_line(f"skipped {len(result.skipped)} unreadable images; see metrics.json")
    print_line(
        f"the threshold was chosen on this same val split: {result.operating_point_rule}"
        if result.operating_point is not None
        else "label: the most probable class"
    )
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def print_evaluation(result: EvaluationResult) -> None:
    """Print metrics with intervals, chance, and how often test was looked at."""
    kind = " (synthetic)" if result.synthetic else ""
    print_line(f"{result.classifier} on {result.dataset}{kind}, {result.split}")
    _print_metrics(
        result.split,
        result.n,
        result.metrics,
        result.metrics_at_half,
        result.operating_point,
        chance=result.chance,
    )
    print_line(
        f"95 % intervals: {result.bootstrap_resamples} bootstrap resamples by "
        f"{result.bootstrap_unit}, seed {result.bootstrap_seed}"
    )
    print_table(
        (
            (name, f"{result.prevalence[name]:.3f}", *row)
            for name, row in zip(result.classes, result.confusion_matrix, strict=True)
        ),
        columns=("truth", "share", *(f"as {name}" for name in result.classes)),
    )
    if result.by_class:
        _print_by_class(result.by_class)
    if result.skipped:
        print_line(f"skipped {len(result.skipped)} unreadable images; see metrics.json")
    print_line(result.selection)
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def print_predictions(result: PredictionSet) -> None:
    """Print the first predictions, counts, and what was skipped."""
    rows = [(p.id, p.label, f"{p.probability:.3f}") for p in result.predictions[:SHOWN]]
    print_table(rows, columns=("id", "label", "probability"))
    if len(result.predictions) > SHOWN:
        print_line(f"… {len(result.predictions) - SHOWN} more in predictions.csv")
    counts = ", ".join(f"{name} {count}" for name, count in result.counts.items())
    threshold = result.operating_point
    where = "most probable class" if threshold is None else f"operating point {threshold:.3f}"
    print_line(f"{len(result.predictions)} images ({result.source}): {counts}; {where}")
    for skipped in result.skipped[:SHOWN]:
        print_line(f"skipped {skipped.id}: {skipped.reason}")
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def _print_metrics(
    split: str,
    n: int,
    metrics: Measured,
    at_half: Measured | None,
    operating_point: float | None,
    *,
    chance: dict[str, float] | None = None,
) -> None:
    columns = [f"{split}, n = {n}"]
    columns.append("top class" if operating_point is None else f"at {operating_point:.3f}")
    if at_half is not None:
        columns.append("at 0.5")
    if chance is not None:
        columns.append("chance")
    rows = []
    for name, value in metrics.items():
        row = [name, value, *([at_half[name]] if at_half is not None else [])]
        rows.append([*row, chance.get(name)] if chance is not None else row)
    print_table(rows, columns=columns)


def _print_by_class(by_class: dict[str, Measured]) -> None:
    names = list(next(iter(by_class.values())))
    print_table(
        ((label, *(row[name] for name in names)) for label, row in by_class.items()),
        columns=("class against the rest", *names),
    )
