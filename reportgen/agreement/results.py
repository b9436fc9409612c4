"""What was found when a report was checked."""

from __future__ import annotations

from enum import Enum

from pydantic import Field

from medx.core.values import Value
from reportgen.labeler.finding import Side, Status, Zone


class Verdict(str, Enum):
    """How a claim stands to everything else that is known of the image."""

    agree = "agree"
    contradict = "contradict"
    unsupported = "unsupported"


#: What pages and exports say of a claim.
VERDICTS = {
    Verdict.agree: "agrees",
    Verdict.contradict: "contradicted",
    Verdict.unsupported: "unsupported",
}


class Claim(Value):
    """One finding the report states, and who says the same or the opposite."""

    finding: str = Field(description="A CheXpert finding, or a class of the dataset.")
    status: Status
    side: Side | None = None
    zones: list[Zone] = Field(default_factory=list)
    start: int = Field(description="Of the deciding words, in characters of the report's text.")
    end: int
    verdict: Verdict
    supported_by: list[str] = Field(default_factory=list, description="Ids of evidence.")
    contradicted_by: list[str] = Field(default_factory=list, description="Ids of evidence.")
    reason: str = Field(description="The verdict in plain words.")


class Agreement(Value):
    """Every claim of a report with its verdict."""

    schema_version: int = 1
    claims: list[Claim]
    omitted: list[str] = Field(
        default_factory=list,
        description="What the evidence says and the report is silent about, in plain words.",
    )

    def count(self, verdict: Verdict) -> int:
        """Return how many claims have ``verdict``."""
        return sum(claim.verdict is verdict for claim in self.claims)


class WarningKind(str, Enum):
    """What kind of thing a reader should distrust."""

    cut_off = "cut off"
    unknown_citation = "unknown citation"
    no_citation = "no citation"
    unresolvable = "unresolvable anatomy"
    non_answer = "no answer"
    refusal = "refusal"
    repetition = "repetition"
    wrong_side = "wrong side"
    contradiction = "contradiction"
    comparison = "comparison with nothing"
    measurement = "invented measurement"
    history = "invented history"
    unlike = "unlike image"


class ReportWarning(Value):
    """One reason for distrust."""

    kind: WarningKind
    text: str
