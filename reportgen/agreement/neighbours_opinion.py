"""What similar archived images say of a claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from medx.core.values import Hit
from reportgen.agreement.class_meaning import class_meaning
from reportgen.agreement.opinion import Opinion
from reportgen.agreement.statement import ANYTHING, NORMAL, Statement, stance, strongest
from reportgen.control_tokens import plain_line
from reportgen.evidence import Evidence
from reportgen.labeler.finding import Side, Status, Zone
from reportgen.labeler.labeler import label_report
from reportgen.labeler.scoring import stated_labels
from reportgen.modality import modality_of

#: So many, and this share of all that say anything, support a claim or speak against it.
SUPPORT, SUPPORT_SHARE = 2, 0.5
OPPOSE, OPPOSE_SHARE = 3, 0.75


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A similar image with what its label and its report say."""

    id: str
    label: str | None
    by_label: tuple[Statement, ...]
    by_text: tuple[Statement, ...]

    @property
    def speaks(self) -> bool:
        """True when anything is known of it."""
        return bool(self.by_label or self.by_text)

    def stance(self, claim: Statement) -> tuple[int, bool]:
        """Return its stance and whether that is its report's; a report outweighs a label."""
        told = strongest(claim, list(self.by_text))
        return (told, True) if told else (strongest(claim, list(self.by_label)), False)

    def overrules(self, claim: Statement) -> bool:
        """Return True when it speaks against a claim by more than lacking what the claim names.

        Another patient without a second finding is no argument against it; one that is called
        normal, or has what the report denies, is.
        """
        against, told = self.stance(claim)
        by_presence = claim.status is Status.absent or claim.finding == NORMAL
        normal = any(s.finding == NORMAL for s in self.by_text)
        return against < 0 and (not told or by_presence or normal)

    def places(self, claim: Statement) -> tuple[set[Side], set[Zone]]:
        """Return sides and zones at which its report sees what the claim speaks of."""
        there = [s for s in self.by_text if s.status is not Status.absent and stance(claim, s) > 0]
        return {s.side for s in there if s.side}, {zone for s in there for zone in s.zones}


def read_neighbours(evidence: Evidence) -> list[Neighbour]:
    """Read labels and reports of the neighbours; ids are those of the evidence."""
    chest = modality_of(evidence.modality).chest
    classes = list(evidence.prediction.probabilities) if evidence.prediction else []
    return [
        Neighbour(
            id=f"N{n}",
            label=hit.label,
            by_label=_by_label(hit, classes, chest=chest),
            by_text=text_statements(hit.text) if chest and hit.text else (),
        )
        for n, hit in enumerate(evidence.neighbours, start=1)
    ]


def _by_label(hit: Hit, classes: Sequence[str], *, chest: bool) -> tuple[Statement, ...]:
    return tuple(class_meaning(hit.label, classes, chest=chest)) if hit.label else ()


@lru_cache(maxsize=4096)
def text_statements(text: str) -> tuple[Statement, ...]:
    """Return what a report of a chest radiograph states; a normal one denies everything."""
    said = [
        Statement(
            finding=found.finding.value,
            status=found.status,
            side=found.side,
            zones=tuple(found.zones),
        )
        for found in stated_labels(label_report(text).findings)
    ]
    if any(s.finding == NORMAL for s in said):
        said.append(Statement(finding=ANYTHING, status=Status.absent, whole=True))
    return tuple(said)


def neighbours_opinion(claim: Statement, neighbours: Sequence[Neighbour]) -> Opinion:
    """Return what the neighbours come down to; they are other patients, so a few decide nothing."""
    known = [neighbour for neighbour in neighbours if neighbour.speaks]
    stances = {n.id: n.stance(claim) for n in known}
    supporting = [n for n in known if stances[n.id][0] > 0]
    opposing = [n for n in known if stances[n.id][0] < 0]
    side = 0
    if len(supporting) >= SUPPORT and len(supporting) > SUPPORT_SHARE * len(known):
        side = 1
    elif sum(n.overrules(claim) for n in opposing) >= max(OPPOSE, OPPOSE_SHARE * len(known)):
        side = -1
    against = side < 0 or (side == 0 and len(opposing) > len(supporting))
    group = opposing if against else supporting
    words = _words(claim, group, known, [n for n in group if stances[n.id][1]])
    return Opinion(
        stance=side,
        supporting=[n.id for n in supporting],
        opposing=[n.id for n in opposing],
        words=words,
    )


def _words(
    claim: Statement, group: list[Neighbour], known: list[Neighbour], told: list[Neighbour]
) -> str:
    if not group:
        return ""
    count = f"{len(group)} of {len(known)} similar images"
    verb = "is" if len(group) == 1 else "are"
    labels = Counter(n.label for n in group if n.label)
    if len(told) == len(group) or not labels:
        return f"{count} {verb} reported {_told(claim, group)}"
    named = " or ".join(f"'{plain_line(label)}'" for label, _ in labels.most_common(2))
    return f"{count} {verb} labelled {named}{_same_side(claim, group)}"


def _told(claim: Statement, group: list[Neighbour]) -> str:
    finding = "as normal" if claim.finding == NORMAL else f"with {claim.finding.lower()}"
    there = group[0].stance(claim)[0] * (-1 if claim.status is Status.absent else 1) > 0
    if claim.finding == NORMAL and not there:
        return "with findings"
    return (finding if there else finding.replace("with", "without")) + _same_side(claim, group)


def _same_side(claim: Statement, group: list[Neighbour]) -> str:
    sided = [n for n in group if n.places(claim)[0]]
    if claim.side is None or not sided:
        return ""
    same = sum(claim.side in n.places(claim)[0] for n in sided)
    return f" ({same} of {len(sided)} on the {claim.side.value}{_same_zone(claim, sided)})"


def _same_zone(claim: Statement, sided: list[Neighbour]) -> str:
    zoned = [n for n in sided if n.places(claim)[1]]
    if not claim.zones or not zoned:
        return ""
    same = sum(bool(set(claim.zones) & n.places(claim)[1]) for n in zoned)
    return f", {same} of {len(zoned)} in the same zone"
