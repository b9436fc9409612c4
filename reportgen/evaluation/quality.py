"""What needs no truth: form, evidence, warnings, cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.agreement.results import Verdict, WarningKind
from reportgen.evaluation.candidate import Written
from reportgen.evaluation.results import Quality
from reportgen.evaluation.tally import Doubles, Sums, flags

_VERDICTS = (Verdict.contradict, Verdict.unsupported)


def tally_quality(reports: Sequence[Written | None]) -> dict[str, Doubles]:
    """Return what each image adds; a missing report adds nothing.

    Args:
        reports: By image; None where there is no report.
    """
    there = [report is not None for report in reports]
    columns = {
        "contract_met": flags([bool(r and r.contract_met) for r in reports], there),
        "schema_valid": flags(
            [bool(r and r.schema_valid) for r in reports],
            [bool(r and r.schema_valid is not None) for r in reports],
        ),
        "citing": flags(
            [bool(r and r.known_cited) for r in reports],
            [bool(r and r.known_cited is not None) for r in reports],
        ),
    }
    checked = [r.verdicts if r else None for r in reports]
    for verdict in _VERDICTS:
        columns[f"reports {verdict.value}"] = flags(
            [bool(v and v[verdict]) for v in checked], [v is not None for v in checked]
        )
        columns[f"claims {verdict.value}"] = np.array(
            [(v[verdict], v.total()) if v else (0, 0) for v in checked], np.float64
        )
    for kind in WarningKind:
        carries = [bool(r and any(k == kind.value for k, _ in r.warnings)) for r in reports]
        columns[f"warning {kind.value}"] = flags(carries, there)
    return columns


def score_quality(sums: Mapping[str, Sums], reports: Sequence[Written | None]) -> Quality:
    """Return shares with intervals, and what a report costs."""
    there = [report for report in reports if report is not None]
    seconds = [report.seconds for report in there]
    warned = {kind.value: sums[f"warning {kind.value}"] for kind in WarningKind}
    claims = {v: sums[f"claims {v.value}"] for v in _VERDICTS}
    return Quality(
        reports=len(there),
        contract_met=sums["contract_met"].share(),
        missing_sections=dict(Counter(name for r in there for name in r.lacking).most_common()),
        schema_valid=sums["schema_valid"].share(),
        asked_as_json=round(sums["schema_valid"].total[1]),
        checked=sum(report.verdicts is not None for report in there),
        claims=round(claims[Verdict.contradict].total[1]),
        contradicted_claims=claims[Verdict.contradict].share(),
        unsupported_claims=claims[Verdict.unsupported].share(),
        contradicting=sums["reports contradict"].share(),
        unsupported=sums["reports unsupported"].share(),
        citing=sums["citing"].share(),
        warnings={
            name: share
            for name, found in warned.items()
            if found.total[0] and (share := found.share()) is not None
        },
        tokens=statistics.fmean(r.tokens for r in there) if there else None,
        prompt_tokens=statistics.fmean(r.prompt_tokens for r in there) if there else None,
        seconds=statistics.fmean(seconds) if there else None,
        seconds_median=statistics.median(seconds) if there else None,
    )
