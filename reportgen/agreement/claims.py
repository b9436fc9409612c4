"""The findings a report states, one by one, before anything is held against them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.agreement.class_meaning import findings_of
from reportgen.agreement.class_reader import ClassMention, read_classes
from reportgen.agreement.own_words import own_words
from reportgen.agreement.statement import Statement
from reportgen.evidence import Evidence
from reportgen.labeler.finding import Status
from reportgen.labeler.labeler import label_report
from reportgen.labeler.report_labels import ReportLabels
from reportgen.labeler.scoring import stated_labels
from reportgen.labels import is_normal
from reportgen.modality import modality_of

#: Words of doubt that still lean to one side.
_LEANING = re.compile(
    r"(?<!less )(?<!un)likely|probabl|presum|suggest|favor|suspect|flagged|appear"
)


@dataclass(frozen=True, kw_only=True)
class StatedClaim:
    """A claim and where it stands; ``asserted`` is False for what the report leaves open."""

    said: Statement
    start: int
    end: int
    asserted: bool


def read_claims(text: str, evidence: Evidence) -> list[StatedClaim]:
    """Return what a report states, in the order of its words.

    In a chest radiograph these are CheXpert findings and those classes of the dataset that are no
    such finding; elsewhere the classes of the dataset.
    """
    own = own_words(text, evidence)
    names = class_names(evidence)
    claims = []
    if modality_of(evidence.modality).chest:
        claims = _of_findings(label_report(own))
        names = [name for name in names if not findings_of(name) and not is_normal(name)]
    claims += [_of_class(mentions) for mentions in read_classes(own, names).values()]
    return sorted(claims, key=lambda claim: (claim.start, claim.end))


def class_names(evidence: Evidence) -> list[str]:
    """Return the classes that the evidence speaks of."""
    predicted = evidence.prediction.probabilities if evidence.prediction else {}
    seen = [hit.label for hit in evidence.neighbours if hit.label]
    return list(dict.fromkeys([*predicted, *seen]))


def leans(cues: Sequence[str]) -> bool:
    """Return True when words of doubt still say what is likely: "suggesting", not "possible"."""
    return any(_LEANING.search(cue) for cue in cues)


def _of_findings(labels: ReportLabels) -> list[StatedClaim]:
    claims = []
    for label in stated_labels(labels.findings):
        mentions = [labels.mentions[i] for i in label.mentions]
        claims.append(
            StatedClaim(
                said=Statement(
                    finding=label.finding.value,
                    status=label.status,
                    side=label.side,
                    zones=tuple(label.zones),
                ),
                start=mentions[0].start,
                end=mentions[0].end,
                asserted=label.status is not Status.uncertain
                or any(leans(mention.cues) for mention in mentions),
            )
        )
    return claims


def _of_class(mentions: list[ClassMention]) -> StatedClaim:
    status = next(s for s in Status if any(m.status is s for m in mentions))
    deciding = [mention for mention in mentions if mention.status is status]
    return StatedClaim(
        said=Statement(finding=deciding[0].name, status=status),
        start=deciding[0].start,
        end=deciding[0].end,
        asserted=status is not Status.uncertain or any(leans(m.cues) for m in deciding),
    )
