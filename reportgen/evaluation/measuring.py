"""Every measure of every contender, from one and the same set of resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medx.core.bootstrap import Bootstrap
from medx.core.console import track
from reportgen.evaluation.candidate import Written
from reportgen.evaluation.findings import score_findings, score_sides, tally_findings
from reportgen.evaluation.pairs import Measured
from reportgen.evaluation.quality import score_quality, tally_quality
from reportgen.evaluation.results import Contender, Kind
from reportgen.evaluation.scorers import Scorer, run_scorer
from reportgen.evaluation.statement_scores import score_statements, tally_statements
from reportgen.evaluation.subject import Subject
from reportgen.evaluation.tally import Columns, Doubles, draw, ratio
from reportgen.evaluation.wording import score_wording, tally_wording
from reportgen.labeler.report_labels import ReportLabels


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """What contenders are measured against, by image.

    Args:
        true: True classes without the normal one; None where there is no label.
        classes: Without the normal one.
        texts: Reference reports; None where there is none.
        labels: What they state.
        measures: Which of BLEU and ROUGE-L can be computed.
        scorers: External measures.
    """

    true: Sequence[frozenset[str] | None]
    classes: Sequence[str]
    texts: Sequence[str | None]
    labels: Sequence[ReportLabels | None]
    measures: Sequence[str]
    scorers: Sequence[Scorer]

    @property
    def has_labels(self) -> bool:
        """Whether any image is labelled."""
        return any(t is not None for t in self.true)

    @property
    def has_references(self) -> bool:
        """Whether any image has a reference report."""
        return any(text is not None for text in self.texts)


def measure(
    subjects: Sequence[Subject], known: Known, how: Bootstrap
) -> tuple[list[Contender], list[Measured]]:
    """Return the figures of every contender, and the sums they were made from.

    Raises:
        InputError: When an external measure fails.
    """
    external = _ask_scorers(subjects, known)
    tallies = [
        {**_tally(subject, known), **more}
        for subject, more in zip(track(subjects, "measuring reports"), external, strict=True)
    ]
    measured = [
        Measured(subject, sums) for subject, sums in zip(subjects, draw(tallies, how), strict=True)
    ]
    names = list(dict.fromkeys(name for more in external for name in more))
    return [_contender(m, known, names) for m in measured], measured


def _tally(subject: Subject, known: Known) -> Columns:
    columns: dict[str, Doubles] = {}
    if known.has_labels:
        columns |= tally_statements(subject.statements, known.true, known.classes)
    if subject.kind is Kind.engine:
        columns |= tally_quality(_written(subject))
    if known.has_references and subject.has_text:
        given = [candidate.whole.labels if candidate else None for candidate in subject.candidates]
        columns |= tally_findings(given, known.labels, subject.asked)
        columns |= tally_wording(_texts(subject), known.texts, subject.asked, known.measures)
    return columns


def _ask_scorers(subjects: Sequence[Subject], known: Known) -> list[dict[str, Doubles]]:
    """Return what images add to external measures; each command is asked once, of all pairs."""
    columns: list[dict[str, Doubles]] = [{} for _ in subjects]
    if not known.has_references:
        return columns
    asked = [
        [
            (reference, text or "") if reference and a and subject.has_text else None
            for text, reference, a in zip(_texts(subject), known.texts, subject.asked, strict=True)
        ]
        for subject in subjects
    ]
    pairs = list(dict.fromkeys(pair for row in asked for pair in row if pair))
    for scorer in known.scorers:
        scores = dict(zip(pairs, run_scorer(scorer, pairs), strict=True))
        for name in scores[pairs[0]]:
            for own, row in zip(columns, asked, strict=True):
                own[name] = np.array(
                    [(scores[pair][name], 1.0) if pair else (0.0, 0.0) for pair in row]
                )
    return columns


def _contender(measured: Measured, known: Known, external: Sequence[str]) -> Contender:
    subject, sums = measured
    asked = [i for i, a in enumerate(subject.asked) if a]
    true = [t for i in asked if (t := known.true[i]) is not None]
    scored = known.has_references and subject.has_text
    writer, run = subject.writer, subject.run
    wording = score_wording(sums, known.measures) if scored else {}
    wording |= {name: sums[name].interval(ratio) for name in external if scored}
    return Contender(
        name=subject.name,
        kind=subject.kind,
        about=subject.about,
        run=run.name if run else "",
        **(writer._asdict() if writer else {}),
        images=len(asked),
        reports=sum(candidate is not None for candidate in subject.candidates),
        missing=list(subject.missing),
        quality=score_quality(sums, _written(subject)) if subject.kind is Kind.engine else None,
        statements=score_statements(sums, true, known.classes) if known.has_labels else [],
        findings=score_findings(sums) if scored else [],
        laterality=score_sides(sums) if scored else None,
        wording=wording,
    )


def _written(subject: Subject) -> list[Written | None]:
    return [c if isinstance(c, Written) else None for c in subject.candidates]


def _texts(subject: Subject) -> list[str | None]:
    return [candidate.text if candidate else None for candidate in subject.candidates]
