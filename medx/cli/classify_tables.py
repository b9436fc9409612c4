"""How ``medx classify`` shows its results to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medx.core.console import print_line, print_table
from medx.core.words import many

if TYPE_CHECKING:
    from classify.evaluation.measured import Measured
    from classify.results import TrainResult

_JUDGED_ON = {
    "train": "this same val split",
    "folds": "these same out-of-fold predictions of train and val",
}


def print_training(result: TrainResult) -> None:
    """Print what a finished training reached on val."""
    kind = " (synthetic)" if result.synthetic else ""
    print_line(
        f"{result.recipe}: {result.model} on {result.dataset}{kind}, {result.size} px, from "
        f"{result.initial_weights}: {_describe_epochs(result)}, "
        f"{result.seconds:.0f} s on {result.device}"
    )
    where = "out of fold" if result.train_on == "folds" else "val"
    print_metrics(
        where,
        result.n_val,
        result.val,
        result.val_at_half,
        result.operating_point,
        chance=result.chance,
    )
    if result.skipped:
        print_line(f"skipped {many(len(result.skipped), 'unreadable image')}; see metrics.json")
    print_line(
        f"the threshold was chosen on {_JUDGED_ON[result.train_on]}: "
        f"{result.operating_point_rule}{_describe_range(result)}"
        if result.operating_point is not None
        else "label: the most probable class"
    )
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def _describe_epochs(result: TrainResult) -> str:
    if len(result.members) == 1:
        return f"kept epoch {result.best_epoch} of {result.epochs_run}"
    kept = ", ".join(str(member.best_epoch) for member in result.members)
    return f"{len(result.members)} networks, kept epochs {kept}"


def print_metrics(
    split: str,
    n: int,
    metrics: Measured,
    at_half: Measured | None,
    operating_point: float | None,
    *,
    chance: dict[str, float],
) -> None:
    """Print a metric a row: at the operating point, at 0.5, and by chance."""
    columns = [f"{split}, n = {n}"]
    columns.append("top class" if operating_point is None else f"at {operating_point:.3f}")
    if at_half is not None:
        columns.append("at 0.5")
    if chance:
        columns.append("chance")
    rows = []
    for name, value in metrics.items():
        row = [name, value, *([at_half[name]] if at_half is not None else [])]
        rows.append([*row, chance.get(name)] if chance else row)
    print_table(rows, columns=columns, keep=1)


def _describe_range(result: TrainResult) -> str:
    if result.operating_point_range is None:
        return ""
    low, high = result.operating_point_range
    return f"; 95 % of its resamples choose {low:.3f} to {high:.3f}"
