"""How ``medx classify`` shows predictions, and when not to trust them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medx.core.console import print_line, print_table

if TYPE_CHECKING:
    from classify.results import PredictionSet
    from classify.trust.label_shift import LabelShift
    from classify.trust.results import TrustReport
    from medx.core.values import Prediction

SHOWN = 20


def print_predictions(result: PredictionSet, *, top_k: int = 1) -> None:
    """Print the first predictions, counts, and what was skipped."""
    columns = ["id", "label", "probability" if top_k == 1 else f"top {top_k}"]
    columns += [f"{100 * result.conformal_level:g} % set", "unlike training", "abstain"]
    if result.label_shift is not None:
        columns.append(f"label ({result.label_shift.method} label shift)")
    print_table((_row(p, top_k) for p in result.predictions[:SHOWN]), columns=columns)
    if len(result.predictions) > SHOWN:
        print_line(f"… {len(result.predictions) - SHOWN} more in predictions.csv")
    counts = ", ".join(f"{name} {count}" for name, count in result.counts.items())
    print_line(
        f"{len(result.predictions)} images ({result.source}): {counts}; {_describe_rule(result)}"
    )
    print_line(
        f"{result.abstained} to be decided by a person, among them {result.out_of_distribution} "
        "unlike the training images; the reasons are in predictions.csv"
        if result.abstained
        else "none to be left to a person"
    )
    for text in result.notes:
        print_line(text)
    if result.label_shift is not None:
        _print_shift(result.label_shift)
    for skipped in result.skipped[:SHOWN]:
        print_line(f"skipped {skipped.id}: {skipped.reason}")
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def print_trust(report: TrustReport) -> None:
    """Print what conformal sets, abstention and the unlike-image flag do on a split."""
    rows: list[tuple[str, object]] = []
    if report.conformal is not None:
        found, kind = report.conformal, "by class" if report.conformal.by_class else "overall"
        share = f"{100 * found.level:g} % sets ({kind})"
        rows.append((f"{share}: truth in the set", found.coverage))
        rows += [(f"  of {name}", interval) for name, interval in found.class_coverage.items()]
        rows += [("  mean size", found.mean_size), ("  with one class", found.single)]
        rows.append(("  empty", found.empty))
    for part in report.abstention.selective:
        rows.append((f"accuracy on the surest {part.coverage:.0%}", part.accuracy))
    area = report.abstention
    rows.append(
        (f"AURC (best {area.aurc_best:.4f}, chance {area.aurc_chance:.4f})", f"{area.aurc:.4f}")
    )
    if report.ood is not None:
        rows.append(("flagged as unlike the training images", report.ood.flagged))
    print_table(rows, columns=("when not to trust it", "measured"))
    if report.conformal is not None:
        print_line(f"sets: {report.conformal.note}")
    if report.label_shift is not None:
        shifted = report.label_shift
        _print_shift(shifted.shift)
        print_table(
            [
                ("accuracy", shifted.plain_accuracy, shifted.accuracy),
                (
                    "balanced accuracy",
                    shifted.plain_balanced_accuracy,
                    shifted.balanced_accuracy,
                ),
            ],
            columns=("", "plain", f"corrected ({shifted.shift.method} label shift)"),
        )


def _row(p: Prediction, top_k: int) -> list[object]:
    likely = ", ".join(f"{name} {value:.3f}" for name, value in p.top(top_k))
    held = None if p.conformal_set is None else " or ".join(p.conformal_set) or "none"
    unlike = None
    if p.ood_score is not None:
        unlike = f"{'yes' if p.out_of_distribution else 'no'} ({p.ood_score:.2f})"
    row: list[object] = [p.id, p.label, f"{p.probability:.3f}" if top_k == 1 else likely]
    row += [held, unlike, "; ".join(p.abstain_reasons) or "no"]
    return row if p.shifted_label is None else [*row, p.shifted_label]


def _describe_rule(result: PredictionSet) -> str:
    if result.operating_point is None:
        return "most probable class"
    rule = result.operating_point_rule
    how = "as given" if rule == "given" else f"{rule}, chosen on val"
    return f"operating point {result.operating_point:.3f} ({how})"


def _print_shift(shift: LabelShift) -> None:
    print_table(
        (
            (name, f"{shift.val_prior[name]:.3f}", f"{shift.estimated_prior[name]:.3f}")
            for name in shift.val_prior
        ),
        columns=("class", "share in val", f"estimated here ({shift.method})"),
        title=f"label shift, from {shift.n} images without their labels",
    )
    print_line(f"assumed: {shift.assumption}; corrected label: {shift.decision}")
