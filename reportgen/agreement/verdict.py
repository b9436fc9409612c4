"""One verdict from what each source says of a claim."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.agreement.claims import StatedClaim
from reportgen.agreement.opinion import Opinion
from reportgen.agreement.results import Claim, Verdict

NOTHING = "nothing in the evidence speaks of it"


@dataclass(frozen=True, kw_only=True)
class Opinions:
    """What the sources say of one claim."""

    classifier: Opinion
    heatmap: Opinion
    notes: Opinion
    neighbours: Opinion

    def ordered(self) -> list[Opinion]:
        """Return them, the weightiest first."""
        return [self.classifier, self.heatmap, self.notes, self.neighbours]


def judge_claim(claim: StatedClaim, opinions: Opinions) -> Claim:
    """Return the claim with its verdict and the reason for it."""
    verdict = _verdict(opinions, asserted=claim.asserted)
    said = claim.said
    return Claim(
        finding=said.finding,
        status=said.status,
        side=said.side,
        zones=list(said.zones),
        start=claim.start,
        end=claim.end,
        verdict=verdict,
        supported_by=[i for opinion in opinions.ordered() for i in opinion.supporting],
        contradicted_by=[i for opinion in opinions.ordered() for i in opinion.opposing],
        reason=_reason(verdict, opinions, asserted=claim.asserted),
    )


def _verdict(opinions: Opinions, *, asserted: bool) -> Verdict:
    """Weigh: a clear classifier, then notes, then neighbours; what is left open is never wrong."""
    side = _side(opinions)
    if side > 0 and opinions.heatmap.stance < 0 and opinions.heatmap.decisive:
        side = -1  # the finding is there, the side is the other one
    if side < 0:
        return Verdict.contradict if asserted else Verdict.unsupported
    return Verdict.agree if side > 0 else Verdict.unsupported


def _side(opinions: Opinions) -> int:
    """Return 1 for agreement on the finding, -1 for contradiction, else 0.

    A close call of the classifier that the neighbours do not share decides nothing.
    """
    classifier, notes, neighbours = opinions.classifier, opinions.notes, opinions.neighbours
    if classifier.stance and classifier.decisive:
        return classifier.stance
    if notes.stance:
        return notes.stance
    both = {classifier.stance, neighbours.stance}
    if both == {1, -1}:
        return 0
    return classifier.stance if classifier.stance > 0 else neighbours.stance


def _reason(verdict: Verdict, opinions: Opinions, *, asserted: bool) -> str:
    """Join what supports and what opposes, that of the verdict first."""
    pro = [o.words for o in opinions.ordered() if _leans(o) > 0]
    contra = [o.words for o in opinions.ordered() if _leans(o) < 0]
    if verdict is Verdict.contradict:
        pro, contra = contra, pro
    joined = "; ".join(pro)
    if contra:
        joined = f"{joined}; but {'; '.join(contra)}" if pro else "; ".join(contra)
    if verdict is Verdict.unsupported:
        if contra and not pro and not asserted:
            return f"left open by the report; {joined}"
        silent = [o.words for o in opinions.ordered() if o.words and not _leans(o)]
        return "; ".join([*silent, *([joined] if joined else [])]) or NOTHING
    return "; ".join([joined, *_undecided(opinions)])


def _undecided(opinions: Opinions) -> list[str]:
    """Return why the classifier takes no part in a verdict."""
    return [opinions.classifier.words] if opinions.classifier.silent else []


def _leans(opinion: Opinion) -> int:
    """Return the stance, or of one that comes down nowhere the side of most of its items."""
    if opinion.stance or not opinion.words:
        return opinion.stance
    balance = len(opinion.supporting) - len(opinion.opposing)
    return (balance > 0) - (balance < 0) or bool(opinion.supporting)
