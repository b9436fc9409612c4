"""How evaluations and comparisons of classifiers are shown to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medx.cli.classify_tables import print_metrics
from medx.cli.trust_tables import print_trust
from medx.core.console import print_line, print_table

if TYPE_CHECKING:
    from classify.evaluation.comparison import ComparedRun, Comparison, PairedTest
    from classify.evaluation.measured import Measured, Subgroup
    from classify.results import EvaluationResult

POINT_COLUMNS = ("sensitivity", "specificity", "precision", "accuracy", "balanced_accuracy")
CLASS_COLUMNS = ("precision", "sensitivity", "f1", "auroc", "auprc")
GROUP_COLUMNS = ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity")


def print_evaluation(result: EvaluationResult) -> None:
    """Print metrics with intervals, chance, and how often test was looked at."""
    kind = " (synthetic)" if result.synthetic else ""
    print_line(f"{result.classifier} on {result.dataset}{kind}, {result.split}")
    print_metrics(
        result.split,
        result.n,
        result.metrics,
        result.metrics_at_half,
        result.operating_point,
        chance=result.chance,
    )
    print_line(_say_intervals(result))
    _print_points(result)
    _print_confusion(result)
    _print_by_class(result)
    _print_subgroups(result.subgroups)
    print_trust(result.trust)
    if result.skipped:
        print_line(f"skipped {len(result.skipped)} unreadable images; see metrics.json")
    for text in result.notes:
        print_line(text)
    print_line(result.selection)
    print_line(f"run: {result.run_dir}")
    print_line(f"page: {result.page}")
    print_line(result.disclaimer)


def print_comparison(result: Comparison) -> None:
    """Print runs and datasets side by side, gaps, and tests on the same images."""
    print_table(
        (
            (
                row.classifier,
                f"{row.dataset}{' (synthetic)' if row.synthetic else ''}, {row.split}",
                row.n,
                *(row.metrics.get(name) for name in result.shown),
                row.test_evaluations,
            )
            for row in result.rows
        ),
        columns=("run", "dataset", "n", *result.shown, "looks at test"),
        keep=2,
    )
    for text in dict.fromkeys(_say_chance(row, result.shown) for row in result.rows):
        print_line(text)
    if result.gaps:
        print_table(
            (
                (gap.classifier, gap.start, gap.end, *(gap.metrics[k] for k in gap.metrics))
                for gap in result.gaps
            ),
            columns=("gap of", "from", "to", *result.gaps[0].metrics),
            keep=3,
        )
    if result.tests:
        print_table(
            (_test_row(test) for test in result.tests),
            columns=("on", "second less first", "of", "n", "difference", "p", "p (Holm)", "test"),
            keep=3,
        )
    for text in result.notes:
        print_line(text)
    print_line(
        f"95 % intervals: {result.bootstrap_resamples} bootstrap resamples, by patient where "
        f"patients are named, seed {result.bootstrap_seed}"
    )
    print_line(f"run: {result.run_dir}")
    print_line(f"page: {result.page}")
    print_line(result.disclaimer)


def _say_chance(row: ComparedRun, shown: list[str]) -> str:
    said = ", ".join(f"{name} {row.chance[name]:.3f}" for name in shown if name in row.chance)
    return f"chance on {row.dataset}, n = {row.n}: {said}"


def _test_row(test: PairedTest) -> tuple[object, ...]:
    return (
        test.dataset,
        f"{test.second} – {test.first}",
        test.statistic,
        test.n,
        test.difference,
        f"{test.p_value:.2g}",
        f"{test.p_adjusted:.2g}",
        test.method,
    )


def _say_intervals(result: EvaluationResult) -> str:
    found = {value.method for value in result.metrics.values() if value}
    by = f"{result.bootstrap_resamples} resamples by {result.bootstrap_unit}"
    others = [
        f"{name} by {value.method}"
        for name, value in result.metrics.items()
        if value and value.method != "percentile bootstrap"
    ]
    also = f"; {', '.join(others)}" if len(found) > 1 else ""
    return (
        f"95 % intervals: percentile bootstrap, {by}, seed {result.bootstrap_seed}{also}; "
        f"ece in {result.calibration_binning}"
    )


def _print_points(result: EvaluationResult) -> None:
    if result.operating_points:
        print_table(
            (
                (point.name, point.threshold, *(point.metrics[k] for k in POINT_COLUMNS))
                for point in result.operating_points
            ),
            columns=(f"threshold on {result.positive}", "at", *POINT_COLUMNS),
            keep=2,
        )


def _print_confusion(result: EvaluationResult) -> None:
    shares = [["–" if s is None else f"{s:.3f}" for s in row] for row in result.confusion_shares]
    if len(result.classes) == 2:
        print_table(
            (
                (name, *row, *share)
                for name, row, share in zip(
                    result.classes, result.confusion_matrix, shares, strict=True
                )
            ),
            columns=("truth", *(f"{of}as {c}" for of in ("", "share ") for c in result.classes)),
            keep=1,
        )
        return
    # Names of many classes fit in rows, not in columns.
    numbered = [f"{i} {name}" for i, name in enumerate(result.classes, 1)]
    tables: dict[str, Sequence[Sequence[object]]] = {
        "images": result.confusion_matrix,
        "share of row": shares,
    }
    for what, rows in tables.items():
        print_table(
            ((name, *row) for name, row in zip(numbered, rows, strict=True)),
            columns=(f"truth ({what})", *(f"as {i}" for i in range(1, len(numbered) + 1))),
            keep=1,
        )


def _print_by_class(result: EvaluationResult) -> None:
    def row(name: str, measured: Measured) -> tuple[object, ...]:
        share = f"{result.support[name]} ({result.prevalence[name]:.3f})"
        return (name, share, *(measured[k] for k in CLASS_COLUMNS))

    print_table(
        (row(name, measured) for name, measured in result.by_class.items()),
        columns=("class", "images (share)", *CLASS_COLUMNS),
        keep=1,
    )


def _print_subgroups(groups: list[Subgroup]) -> None:
    for column in dict.fromkeys(group.column for group in groups):
        chosen = [group for group in groups if group.column == column]
        names = [] if all(g.too_few for g in chosen) else GROUP_COLUMNS
        print_table(
            (
                (g.value, g.n, *(["too few"] if g.too_few else [g.metrics[k] for k in names]))
                for g in chosen
            ),
            columns=(column, "n", *(names or ["figures"])),
            keep=2,
        )
