"""How evaluations of reports are shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medx.core.console import print_line, print_table
from medx.core.words import many

if TYPE_CHECKING:
    from reportgen.evaluation.results import Contender, ReportEvaluation

STATEMENTS = ("agreement", "sensitivity", "specificity", "yes_bias", "silent")
FINDINGS = ("precision", "recall", "f1")
QUALITY = (
    "contract_met", "schema_valid", "contradicting", "unsupported_claims", "citing",
)  # fmt: skip
#: Of the readings, what tables show: present or uncertain.
SHOWN = 1


def print_evaluation(result: ReportEvaluation) -> None:
    """Print figures with intervals, baselines beside, flips, tests, and what to know of them."""
    if result.is_mock:
        print_line("MOCK REPORTS are among these: nothing looked at the images for them.")
    kind = " (synthetic)" if result.synthetic else ""
    print_line(
        f"{result.dataset}{kind}, {result.split}: {many(result.images, 'image')}, "
        f"{result.labelled} labelled, {result.referenced} with a reference report"
    )
    if result.labelled:
        _print_statements(result)
    if result.referenced:
        _print_findings(result)
    _print_quality(result)
    _print_flips(result)
    _print_tests(result)
    for text in result.notes:
        print_line(text)
    for run in result.runs:
        if run.test_evaluations is not None:
            print_line(f"{run.name}: evaluated on test {many(run.test_evaluations, 'time')}")
    print_line(
        f"95 % intervals: exact for shares of independent images, else bootstrap by {result.unit}, "
        f"{result.bootstrap_resamples} resamples, seed {result.bootstrap_seed}"
    )
    print_line(f"page: {result.page}")
    print_line(result.disclaimer)


def _name(contender: Contender) -> str:
    return f"{contender.name} (mock)" if contender.is_mock else contender.name


def _print_statements(result: ReportEvaluation) -> None:
    rows = []
    for contender in result.contenders:
        if contender.statements:
            score = contender.statements[SHOWN]
            rows.append((_name(contender), *(getattr(score, name) for name in STATEMENTS)))
    first = result.contenders[0].statements[SHOWN]
    print_table(
        rows,
        columns=("stated", *(name.replace("_", " ") for name in STATEMENTS)),
        keep=1,
        title=f"Against labels, {first.reading.value}: {first.positives} of {first.images} are "
        f"positive ({first.prevalence:.3f}); silence is never right",
    )


def _print_findings(result: ReportEvaluation) -> None:
    scored = [contender for contender in result.contenders if contender.findings]
    wordings = list(dict.fromkeys(name for c in scored for name in c.wording))
    print_table(
        (
            (
                _name(c),
                *(getattr(c.findings[SHOWN], name) for name in FINDINGS),
                c.laterality.accuracy if c.laterality else None,
                *(c.wording.get(name) for name in wordings),
            )
            for c in scored
        ),
        columns=("findings", *(n.replace("_", " ") for n in FINDINGS), "side right", *wordings),
        keep=1,
        title="Against reference reports: CheXpert findings without No Finding, present or "
        "uncertain",
    )


def _print_quality(result: ReportEvaluation) -> None:
    rows = []
    for contender in result.contenders:
        quality = contender.quality
        if quality:
            warned = ", ".join(f"{k} {v.estimate:.2f}" for k, v in quality.warnings.items())
            shares = (getattr(quality, name) for name in QUALITY)
            cost = (f"{quality.tokens or 0:.0f}", f"{quality.seconds or 0:.2f}")
            missing = len(contender.missing)
            rows.append((_name(contender), contender.reports, missing, *shares, warned, *cost))
    print_table(
        rows,
        columns=(
            "form and evidence", "reports", "missing", *(n.replace("_", " ") for n in QUALITY),
            "warnings", "tokens", "seconds",
        ),
        keep=1,
    )  # fmt: skip


def _print_flips(result: ReportEvaluation) -> None:
    if result.flips:
        print_table(
            (
                (f.changed, f.first, f.second, f.images, f.rate, f"{f.chance:.3f}")
                for f in result.flips
            ),
            columns=("changed", "first", "second", "images", "flips", "if independent"),
            keep=3,
        )
    if result.flip_groups:
        print_table(
            ((g.changed, g.of, len(g.contenders), g.images, g.rate) for g in result.flip_groups),
            columns=("changed", "of", "contenders", "images", "not all the same"),
        )


def _print_tests(result: ReportEvaluation) -> None:
    if result.tests:
        print_table(
            (
                (
                    f"{t.second} – {t.first}", t.statistic, t.images, t.difference,
                    f"{t.p_value:.2g}", f"{t.p_adjusted:.2g}", t.method,
                )
                for t in result.tests
            ),
            columns=("second less first", "of", "images", "difference", "p", "p (Holm)", "test"),
            keep=2,
        )  # fmt: skip
