"""The images on which reports were worst."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.evaluation.candidate import Candidate, Written
from reportgen.evaluation.findings import image_f1
from reportgen.evaluation.results import CaseReport, Reading, WorstCase
from reportgen.evaluation.statement_scores import is_right
from reportgen.evaluation.statements import counts
from reportgen.evaluation.subject import Subject
from reportgen.evaluation.truth import Truth
from reportgen.labeler.report_labels import ReportLabels
from reportgen.run_pictures import image_path

READING = Reading.possible


def worst_cases(
    subjects: Sequence[Subject],
    ids: Sequence[str],
    truth: Truth,
    references: Sequence[ReportLabels | None],
    limit: int,
) -> list[WorstCase]:
    """Return the worst images first: wrong statements, contradictions, missing reports, low F1.

    Args:
        subjects: Contenders of engines.
        ids: Images.
        truth: What is true of them.
        references: Labels of their reference reports.
        limit: Most images to return; those without any fault are left out.
    """
    cases = [_case(subjects, i, image_id, truth, references[i]) for i, image_id in enumerate(ids)]
    ranked = sorted((case for case in cases if _badness(case) > _FLAWLESS), key=_badness)
    return ranked[::-1][:limit]


_FLAWLESS = (0.0, 0, 0, 0.0)


def _badness(case: WorstCase) -> tuple[float, int, int, float]:
    told = [report.right for report in case.reports if report.right is not None]
    scores = [report.f1 for report in case.reports if report.f1 is not None]
    return (
        told.count(False) / len(told) if told else 0.0,
        sum(len(report.contradictions) for report in case.reports),
        len(case.missing),
        1 - sum(scores) / len(scores) if scores else 0.0,
    )


def _case(
    subjects: Sequence[Subject],
    i: int,
    image_id: str,
    truth: Truth,
    reference: ReportLabels | None,
) -> WorstCase:
    known = truth.of(image_id)
    reports = [
        _report(subject, i, candidate, truth.true_classes(image_id), reference)
        for subject in subjects
        if (candidate := subject.candidates[i]) is not None
    ]
    return WorstCase(
        image_id=image_id,
        label=known.label,
        reference=known.reference,
        picture=_picture(subjects, i, image_id),
        missing=[s.name for s in subjects if s.asked[i] and s.candidates[i] is None],
        reports=reports,
    )


def _report(
    subject: Subject,
    i: int,
    candidate: Candidate,
    true: frozenset[str] | None,
    reference: ReportLabels | None,
) -> CaseReport:
    said = subject.statements[i]
    written = candidate if isinstance(candidate, Written) else None
    return CaseReport(
        contender=subject.name,
        text=candidate.text,
        stated=[
            label.finding.value
            for label in candidate.whole.labels.findings
            if counts(label.status, READING)
        ],
        right=None if said is None or true is None else is_right(said, true, READING),
        f1=image_f1(candidate.whole.labels, reference, READING) if reference else None,
        contradictions=list(written.quotes) if written else [],
        warnings=[text for _, text in written.warnings] if written else [],
    )


def _picture(subjects: Sequence[Subject], i: int, image_id: str) -> str | None:
    for subject in subjects:
        if subject.run is not None and subject.candidates[i] is not None:
            path = subject.run.run_dir / image_path(image_id)
            if path.is_file():
                return str(path)
    return None
