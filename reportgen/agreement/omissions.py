"""What the evidence says clearly and the report is silent about."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.agreement.class_meaning import class_meaning
from reportgen.agreement.classifier_opinion import classifier_opinion, named, why_silent
from reportgen.agreement.neighbours_opinion import Neighbour, neighbours_opinion
from reportgen.agreement.statement import ANYTHING, DEVICES, NORMAL, Statement, related
from reportgen.evidence import Evidence
from reportgen.labeler.finding import Status
from reportgen.modality import modality_of

#: Neighbours are other patients: only when nearly all show a thing is silence worth a word.
SHARE, AT_LEAST = 0.75, 3


def find_omissions(
    evidence: Evidence, claims: Sequence[Statement], neighbours: Sequence[Neighbour]
) -> list[str]:
    """Say in plain words what a clear classifier or nearly all neighbours say beyond ``claims``."""
    chest = modality_of(evidence.modality).chest
    found: dict[str, str] = {}
    prediction = evidence.prediction
    if prediction and not why_silent(prediction):
        classes = list(prediction.probabilities)
        for said in class_meaning(prediction.label, classes, chest=chest):
            opinion = classifier_opinion(said, prediction, chest=chest)
            if opinion.decisive and opinion.stance > 0:
                _add(found, said, f"the classifier says {named(prediction)}")
    for said in (s for n in neighbours for s in (*n.by_label, *n.by_text)):
        opinion = neighbours_opinion(Statement(finding=said.finding), neighbours)
        known = sum(n.speaks for n in neighbours)
        many = len(opinion.supporting) >= max(AT_LEAST, SHARE * known)
        if many and not _denied(said, evidence, chest=chest):
            _add(found, said, opinion.words)
    if not chest and any(claim.status is not Status.absent for claim in claims):
        return []  # of one class an image has, the report has said which
    silent = [(f, words) for f, words in found.items() if not _is_told(f, claims)]
    lines = [f"{words}; the report does not speak of it" for _, words in silent]
    return list(dict.fromkeys(lines))


def _add(found: dict[str, str], said: Statement, words: str) -> None:
    if said.status is not Status.absent and said.finding not in (ANYTHING, DEVICES):
        found.setdefault(said.finding, words)


def _denied(said: Statement, evidence: Evidence, *, chest: bool) -> bool:
    opinion = classifier_opinion(Statement(finding=said.finding), evidence.prediction, chest=chest)
    return opinion.stance < 0 and opinion.decisive


def _is_told(finding: str, claims: Sequence[Statement]) -> bool:
    """Return True when the report speaks of it, of a kind of it, or says what it excludes."""
    if finding == NORMAL:
        return bool(claims)
    return any(claim.finding == NORMAL or related(finding, claim.finding) for claim in claims)
