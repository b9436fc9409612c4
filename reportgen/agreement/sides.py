"""Reports that contradict themselves, or that name the side on which nothing is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product

from reportgen.agreement.claims import read_claims
from reportgen.agreement.heatmap_opinion import heatmap_opinion
from reportgen.agreement.neighbours_opinion import Neighbour, read_neighbours
from reportgen.agreement.own_words import IMPRESSIONS, own_words
from reportgen.agreement.results import ReportWarning, WarningKind
from reportgen.agreement.statement import DEVICES, NORMAL, Statement, related
from reportgen.evidence import Evidence
from reportgen.labeler.finding import Side, Status
from reportgen.labeler.labeler import find_mentions
from reportgen.labeler.mention import Mention
from reportgen.modality import modality_of

_ONE_SIDE = (Side.left, Side.right)
#: So many neighbours must be told with a side, all with the other one.
NEIGHBOURS = 3
#: "No large effusion" does not deny a small one.
_NARROWED = re.compile(
    r"\b(?:large|new|significant|substantial|appreciable|other|additional|further|more|else|"
    r"elsewhere|otherwise|remaining|remainder|rest|definite\w*|convincing|focal|gross\w*|siz\w*able|"
    r"tension|increas\w*|enlarg\w*|worsen\w*|chang\w*|acute|displaced|residual|overt|frank|discrete|"
    r"lobar|longer|superimposed|associated|underlying|confluent|dense|separate|resol\w+|interval|"
    r"contralateral|opposite|ipsilateral|loculated|aerated)\b",
    re.I,
)


def find_wrong_sides(text: str, evidence: Evidence) -> list[ReportWarning]:
    """Return warnings of sides: impression against findings, heat-map, all neighbours told."""
    if not modality_of(evidence.modality).chest:
        return []
    found = _against_itself(find_mentions(own_words(text, evidence)))
    neighbours = read_neighbours(evidence)
    for claim in read_claims(text, evidence):
        said = claim.said
        if said.side not in _ONE_SIDE or said.status is Status.absent:
            continue
        name = f"places {said.finding.lower()} on the {said.side.value}"
        opinion = heatmap_opinion(said, evidence.heatmap)
        if opinion.decisive:
            found.append(f"{name}; {opinion.words}")
        if others := _all_on_the_other(said, neighbours):
            found.append(f"{name}; all {others} similar images so reported have it on the other")
    return [ReportWarning(kind=WarningKind.wrong_side, text=words) for words in found]


def find_contradictions(text: str, evidence: Evidence) -> list[ReportWarning]:
    """Return warnings of findings that the report both states and denies, without a limit."""
    mentions = [
        m
        for m in find_mentions(own_words(text, evidence))
        if m.stated and m.finding.value not in (NORMAL, DEVICES)
    ]
    found: dict[str, str] = {}
    for there, denied in product(mentions, mentions):
        if _denies(text, denied, there):
            quoted = text[slice(*denied.sentence)].strip()
            found.setdefault(there.finding.value, f"states {there.text} and denies it: “{quoted}”")
    return [ReportWarning(kind=WarningKind.contradiction, text=words) for words in found.values()]


def _denies(text: str, denied: Mention, there: Mention) -> bool:
    if denied.finding is not there.finding or denied.sentence == there.sentence:
        return False
    if (denied.status, there.status) != (Status.absent, Status.present):
        return False
    if denied.changes or _NARROWED.search(text[slice(*denied.sentence)]):
        return False
    apart = denied.side in _ONE_SIDE and denied.side is not there.side
    away = bool(denied.zones) and not set(denied.zones) & set(there.zones)
    return not apart and not away


def _against_itself(mentions: Iterable[Mention]) -> list[str]:
    """Return findings whose side in the impression is not that of the findings."""
    told = [m for m in mentions if m.stated and m.status is not Status.absent and m.side]
    below = [m for m in told if m.section in IMPRESSIONS]
    above = [m for m in told if m.section not in IMPRESSIONS]
    found: dict[str, str] = {}
    for mention in below:
        sides = {m.side for m in above if related(m.finding.value, mention.finding.value)}
        (side,) = sides if len(sides) == 1 else (None,)
        if side in _ONE_SIDE and mention.side in _ONE_SIDE and side is not mention.side:
            found.setdefault(
                mention.finding.value,
                f"places {mention.finding.value.lower()} on the {side.value} in the findings, on "
                f"the {mention.side.value} in the impression",
            )
    return list(found.values())


def _all_on_the_other(said: Statement, neighbours: Sequence[Neighbour]) -> int:
    """Return how many neighbours see the finding, if each sees it on the other side only."""
    sides = [found for n in neighbours if (found := n.places(said)[0])]
    other = {Side.left: Side.right, Side.right: Side.left}
    wrong = said.side is not None and all(s == {other.get(said.side)} for s in sides)
    return len(sides) if wrong and len(sides) >= NEIGHBOURS else 0
