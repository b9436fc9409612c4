"""One finished report, reduced to what is measured of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from medx.core.values import Prediction
from reportgen.agreement.own_words import own_words
from reportgen.agreement.results import Verdict
from reportgen.evaluation.results import Quote
from reportgen.labeler.labeler import label_report
from reportgen.labeler.report_labels import ReportLabels
from reportgen.report import Report


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A text, or a part of one, with what it states of the CheXpert findings."""

    text: str
    labels: ReportLabels


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """What a report states.

    Args:
        text: As written.
        whole: All that it says itself: without evidence that it merely repeats.
        conclusion: Of that the impression; None where there is none.
    """

    text: str
    whole: Part
    conclusion: Part | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Written(Candidate):
    """A report of an engine with what is known of its making.

    Args:
        image_sha256: Of the pixels it is about.
        known_cited: Cites evidence that it had; None when it had none.
        verdicts: Verdict → claims; None when they were not checked.
    """

    image_sha256: str
    schema_valid: bool | None
    contract_met: bool
    lacking: tuple[str, ...]
    known_cited: bool | None
    verdicts: Counter[Verdict] | None
    quotes: tuple[Quote, ...]
    warnings: tuple[tuple[str, str], ...]
    tokens: int
    prompt_tokens: int
    seconds: float
    prediction: Prediction | None = field(repr=False)


def candidate_of(text: str, impression: str | None = None) -> Candidate:
    """Label a text."""
    return Candidate(text=text, whole=_part(text), conclusion=_concluded(impression))


def written_of(report: Report) -> Written:
    """Reduce a report to what is measured."""
    section = report.section("impression")
    impression = section.text if section else None
    known = {item.id for item in report.items}
    claims = report.agreement.claims if report.agreement else []
    own = partial(own_words, evidence=report.evidence)
    return Written(
        text=report.text,
        whole=_part(own(report.text)),
        conclusion=_concluded(own(impression) if impression else None),
        image_sha256=report.image_sha256,
        schema_valid=report.schema_valid,
        contract_met=report.contract_met,
        lacking=tuple(report.missing),
        known_cited=bool(known.intersection(report.cited)) if known else None,
        verdicts=Counter(claim.verdict for claim in claims) if report.agreement else None,
        quotes=tuple(
            Quote(text=report.text[claim.start : claim.end], reason=claim.reason)
            for claim in claims
            if claim.verdict is Verdict.contradict
        ),
        warnings=tuple((warning.kind.value, warning.text) for warning in report.warnings),
        tokens=report.tokens,
        prompt_tokens=report.prompt_tokens,
        seconds=report.seconds,
        prediction=report.evidence.prediction,
    )


def _concluded(impression: str | None) -> Part | None:
    return _part(f"IMPRESSION:\n{impression}") if impression else None


def _part(text: str) -> Part:
    return Part(text=text, labels=label_report(text))
