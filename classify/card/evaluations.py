"""The evaluations of a model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from classify.card.text import Block, metric_table, say_decision
from classify.results import EvaluationResult


def write_evaluations(evaluations: Sequence[EvaluationResult]) -> Iterator[Block]:
    """Yield what each evaluation found, oldest first."""
    if not evaluations:
        yield Block(text="None was made: nothing is known beyond val.")
    for evaluation in evaluations:
        yield from _write(evaluation)


def _write(found: EvaluationResult) -> Iterator[Block]:
    made_up = ", synthetic" if found.synthetic else ""
    heading = f"{found.dataset}, {found.split}, n = {found.n:,}{made_up}"
    prevalence = ", ".join(f"{name} {share:.1%}" for name, share in found.prevalence.items())
    decided = say_decision(found.operating_point, found.operating_point_rule)
    yield metric_table(
        heading,
        {decided: found.metrics, "at 0.5": found.metrics_at_half},
        chance=found.chance,
        text=f"{found.selection}. Prevalence: {prevalence}. Intervals: "
        f"{found.bootstrap_resamples} resamples by {found.bootstrap_unit}. Unreadable: "
        f"{len(found.skipped)}. {' '.join(found.notes)}".strip(),
    )
    if found.positive is None and found.by_class:
        yield _by_class(found)
    if found.operating_points:
        yield _points(found)
    yield from _subgroups(found)
    yield _trust(found)
    yield Block(
        heading=f"{heading}: confusion",
        columns=("truth", *(f"as {name}" for name in found.classes)),
        rows=tuple(
            (name, *row) for name, row in zip(found.classes, found.confusion_matrix, strict=True)
        ),
    )


def _by_class(found: EvaluationResult) -> Block:
    names = list(next(iter(found.by_class.values())))
    return Block(
        heading=f"{found.dataset}, {found.split}: each class against the rest",
        columns=("class", *(name.replace("_", " ") for name in names)),
        rows=tuple(
            (label, *(row[name] or "–" for name in names)) for label, row in found.by_class.items()
        ),
    )


def _points(found: EvaluationResult) -> Block:
    names = ("sensitivity", "specificity")
    return Block(
        heading=f"{found.dataset}, {found.split}: every threshold",
        columns=("rule", "threshold", *names),
        rows=tuple(
            (p.name, f"{p.threshold:.3f}", *(p.metrics.get(name) or "–" for name in names))
            for p in found.operating_points
        ),
    )


def _trust(found: EvaluationResult) -> Block:
    trust = found.trust
    rows: list[tuple[str, object]] = []
    if sets := trust.conformal:
        rows.append((f"{sets.level:.0%} sets hold the truth", sets.coverage or "–"))
        rows += [(f"… of {name}", held or "–") for name, held in sets.class_coverage.items()]
        rows.append(("mean size of a set", f"{sets.mean_size:.2f}"))
    for part in trust.abstention.selective:
        rows.append((f"accuracy on the surest {part.coverage:.0%}", part.accuracy or "–"))
    if trust.ood:
        rows.append(("flagged as unlike the training images", trust.ood.flagged or "–"))
    if shift := trust.label_shift:
        rows.append((f"accuracy, corrected by {shift.shift.method}", shift.accuracy or "–"))
    return Block(
        heading=f"{found.dataset}, {found.split}: when not to trust it",
        columns=("what", "[95 % interval]"),
        rows=tuple(rows),
    )


def _subgroups(found: EvaluationResult) -> Iterator[Block]:
    for column in dict.fromkeys(group.column for group in found.subgroups):
        groups = [group for group in found.subgroups if group.column == column]
        names = list(dict.fromkeys(name for group in groups for name in group.metrics))
        yield Block(
            heading=f"{found.dataset}, {found.split}: by {column}",
            columns=(column, "n", *(name.replace("_", " ") for name in names)),
            rows=tuple(
                (
                    group.value,
                    f"{group.n:,}",
                    *(
                        "too few" if group.too_few else group.metrics.get(name) or "–"
                        for name in names
                    ),
                )
                for group in groups
            ),
        )
