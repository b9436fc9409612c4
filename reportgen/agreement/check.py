"""Hold every finding that a report states against everything else that is known of its image."""

from __future__ import annotations

from reportgen.agreement.claims import read_claims
from reportgen.agreement.classifier_opinion import classifier_opinion
from reportgen.agreement.heatmap_opinion import heatmap_opinion
from reportgen.agreement.neighbours_opinion import neighbours_opinion, read_neighbours
from reportgen.agreement.notes_opinion import note_statements, notes_opinion
from reportgen.agreement.omissions import find_omissions
from reportgen.agreement.opinion import Opinion
from reportgen.agreement.results import Agreement
from reportgen.agreement.verdict import Opinions, judge_claim
from reportgen.evidence import Evidence
from reportgen.modality import modality_of


def check_agreement(text: str, evidence: Evidence) -> Agreement:
    """Return every finding that ``text`` states with a verdict, and what it is silent about.

    ``agree``: a clear classifier, a note or most neighbours say the same. ``contradict``: they say
    the opposite of what the report asserts, or the heat-map of that finding lies on the other side.
    ``unsupported``: nobody speaks of it, the sources differ, or the report leaves open what they
    deny.
    """
    chest = modality_of(evidence.modality).chest
    neighbours = read_neighbours(evidence)
    notes = note_statements(evidence) if chest else {}
    claims = read_claims(text, evidence)
    judged = []
    for claim in claims:
        said = claim.said
        opinions = Opinions(
            classifier=classifier_opinion(said, evidence.prediction, chest=chest),
            heatmap=heatmap_opinion(said, evidence.heatmap) if chest else Opinion(),
            notes=notes_opinion(said, notes),
            neighbours=neighbours_opinion(said, neighbours),
        )
        judged.append(judge_claim(claim, opinions))
    omitted = find_omissions(evidence, [claim.said for claim in claims], neighbours)
    return Agreement(claims=judged, omitted=omitted)
