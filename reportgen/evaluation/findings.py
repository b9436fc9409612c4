"""Findings of reports against those of reference reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from reportgen.evaluation.results import FindingRow, FindingScore, Laterality, Reading
from reportgen.evaluation.statements import counts
from reportgen.evaluation.tally import Doubles, Statistic, Sums
from reportgen.labeler.finding import UNSIDED, Finding, Status
from reportgen.labeler.report_labels import ReportLabels

FINDINGS = tuple(Finding)
_NORMAL = FINDINGS.index(Finding.no_finding)
_REAL = [i for i in range(len(FINDINGS)) if i != _NORMAL]
_AGREED, _GIVEN, _EXPECTED = range(3)

#: One text; None where it is missing.
Labels = ReportLabels | None


def tally_findings(
    given: Sequence[Labels], expected: Sequence[Labels], asked: Sequence[bool]
) -> dict[str, Doubles]:
    """Return what each image adds to the counts of every finding.

    Args:
        given: Of the reports, by image; a missing report states nothing.
        expected: Of the references, by image; where there is none the image adds nothing.
        asked: Whether the contender was asked about the image.
    """
    pairs = list(zip(given, expected, asked, strict=True))
    columns = {
        f"findings {reading.name}": np.stack(
            [
                count_findings(g, e, reading).reshape(-1)
                if e and a
                else np.zeros(3 * len(FINDINGS))
                for g, e, a in pairs
            ]
        )
        for reading in Reading
    }
    sides = [_sides(g, e) if g and e and a else np.zeros(3) for g, e, a in pairs]
    return {**columns, "sides": np.stack(sides)}


def score_findings(sums: Mapping[str, Sums]) -> list[FindingScore]:
    """Return precision, recall and F1 under every reading."""
    return [_score(sums[f"findings {reading.name}"], reading) for reading in Reading]


def score_sides(sums: Mapping[str, Sums]) -> Laterality:
    """Return how often the side is given, and is the reference's."""
    found = sums["sides"]
    parts = {}
    for name, column in (("accuracy", 0), ("stated", 1)):
        kept = [column, 2]
        part = replace(found, total=found.total[kept], samples=found.samples[:, kept])
        parts[name] = part.share()
    return Laterality(findings=round(found.total[2]), **parts)


def count_findings(given: Labels, expected: Labels, reading: Reading) -> Doubles:
    """Return ``(14, 3)``: agreed, given and expected, each finding 0 or 1."""
    said, wanted = facts(given, reading), facts(expected, reading)
    table = np.zeros((len(FINDINGS), 3))
    for i, finding in enumerate(FINDINGS):
        g, w = said.get(finding), wanted.get(finding)
        table[i] = (g is not None and g == w, g is not None, w is not None)
    return table


def facts(labels: Labels, reading: Reading) -> dict[Finding, Status]:
    """Return what a text states under a reading.

    With statuses, No Finding counts where a text says it, not where it follows from all else.
    """
    if labels is None:
        return {}
    if reading is not Reading.statuses:
        return {x.finding: Status.present for x in labels.findings if counts(x.status, reading)}
    return {
        x.finding: x.status
        for x in labels.findings
        if x.mentions or x.finding is not Finding.no_finding
    }


def image_f1(given: Labels, expected: Labels, reading: Reading) -> float | None:
    """Return the F1 of one report without No Finding; None where neither states a finding."""
    agreed, said, wanted = count_findings(given, expected, reading)[_REAL].sum(axis=0)
    return float(2 * agreed / (said + wanted)) if said + wanted else None


def micro_f1(sums: Doubles) -> Doubles:
    """Return the micro-F1 without No Finding of each row of sums ``(R, 42)``."""
    return _f1(_table(sums)[:, _REAL].sum(axis=1))


def _score(sums: Sums, reading: Reading) -> FindingScore:
    total = _table(sums.total[None])[0]
    there = [i for i in _REAL if total[i, _EXPECTED]]

    def macro(rows: Doubles) -> Doubles:
        each = np.stack([_f1(_table(rows)[:, i]) for i in there], axis=1)
        known = np.isfinite(each)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(known, each, 0).sum(axis=1) / known.sum(axis=1))

    return FindingScore(
        reading=reading,
        precision=sums.interval(_micro(_AGREED, _GIVEN)),
        recall=sums.interval(_micro(_AGREED, _EXPECTED)),
        f1=sums.interval(micro_f1),
        macro_f1=sums.interval(macro) if there else None,
        f1_with_no_finding=sums.interval(lambda rows: _f1(_table(rows).sum(axis=1))),
        findings=[
            _row(finding, i, sums) for i, finding in enumerate(FINDINGS) if total[i, 1:].any()
        ],
    )


def _row(finding: Finding, i: int, sums: Sums) -> FindingRow:
    agreed, given, expected = (round(value) for value in _table(sums.total[None])[0, i])
    return FindingRow(
        finding=finding.value,
        expected=expected,
        given=given,
        agreed=agreed,
        precision=agreed / given if given else None,
        recall=agreed / expected if expected else None,
        f1=sums.interval(lambda rows: _f1(_table(rows)[:, i])),
    )


def _sides(given: ReportLabels, expected: ReportLabels) -> Doubles:
    """Return of one image: sides that are the same, sides given, and sides to be given."""
    same = stated = asked = 0
    for wanted in expected.findings:
        said = given.label(wanted.finding)
        if wanted.side is None or wanted.finding in UNSIDED or said is None:
            continue
        if counts(wanted.status, Reading.possible) and counts(said.status, Reading.possible):
            asked += 1
            stated += said.side is not None
            same += said.side is wanted.side
    return np.array([same, stated, asked], np.float64)


def _table(rows: Doubles) -> Doubles:
    return rows.reshape(-1, len(FINDINGS), 3)


def _f1(counted: Doubles) -> Doubles:
    with np.errstate(invalid="ignore", divide="ignore"):
        said, wanted = counted[:, _GIVEN], counted[:, _EXPECTED]
        return np.asarray(2 * counted[:, _AGREED] / (said + wanted))


def _micro(above: int, below: int) -> Statistic:
    ask = _ratio(above, below)
    return lambda rows: ask(_table(rows)[:, _REAL].sum(axis=1))


def _ratio(above: int, below: int) -> Statistic:
    def ratio(rows: Doubles) -> Doubles:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(rows[:, above] / rows[:, below])

    return ratio
