"""What a reader of a case should know before anything else."""

from __future__ import annotations

from collections.abc import Sequence

from medx.case.cases import Case
from medx.case.results import NoReport, Withheld
from medx.core.words import many
from reportgen.agreement.results import Verdict
from reportgen.report import Report
from retrieval.index.items import Item

IN_ARCHIVE = (
    "these very pixels are in the archive ({}): the classifier may have learned from them, "
    "so that its call is no independent opinion"
)
#: Of such images a classifier has seen nothing.
UNSEEN = "test"


def warnings_of(
    case: Case, report: Report | None, withheld: Withheld | None, copies: Sequence[Item]
) -> list[str]:
    """Return the warnings of a case, the gravest first.

    Args:
        case: What was found out.
        report: What was written of it.
        withheld: Why nothing was written.
        copies: Archived images of the very same pixels.
    """
    found = []
    if withheld:
        how = "not reported" if withheld.kind is NoReport.refused else "the report failed"
        found.append(f"{how}: {withheld.reason}")
    told = withheld.reason if withheld else ""
    reasons = (reason for reason in case.prediction.abstain_reasons if reason not in told)
    found += [f"a person should decide: {reason}" for reason in reasons]
    places = sorted({item.split or "no split" for item in copies} - {UNSEEN})
    if places:
        found.append(IN_ARCHIVE.format(", ".join(places)))
    if report:
        found += _of_report(report)
    return found


def _of_report(report: Report) -> list[str]:
    found = [f"report: {warning.text}" for warning in report.warnings]
    if not report.contract_met:
        missing = ", ".join(report.missing)
        found.append(f"report: not in the form that was asked for; missing: {missing}")
    count = report.agreement.count(Verdict.contradict) if report.agreement else 0
    if count and not any(w.kind.value == "contradiction" for w in report.warnings):
        states = many(count, "statement", "statements")
        found.append(f"report: {states} the evidence speaks against")
    return found
