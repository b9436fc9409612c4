"""One place in a text that speaks of a finding."""

from __future__ import annotations

from pydantic import Field

from medx.core.values import Value
from reportgen.labeler.finding import Change, Finding, Side, Status, Zone


class Mention(Value):
    """A finding as one phrase of the text states it."""

    finding: Finding
    status: Status
    start: int = Field(description="First character of the phrase in the text.")
    end: int = Field(description="One past its last character.")
    text: str = Field(description="The phrase as written.")
    sentence: tuple[int, int] = Field(description="First and one past the last character.")
    side: Side | None = None
    zones: list[Zone] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list)
    cues: list[str] = Field(
        default_factory=list, description="The words that made it absent, uncertain or not stated."
    )
    section: str = Field(default="", description="Heading it stands under, lower case.")
    stated: bool = Field(
        default=True,
        description="False for what is asked, feared in a condition, advised, or history.",
    )
