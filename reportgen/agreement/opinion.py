"""What one source says of one claim."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """Who supports a claim and who speaks against it, and on which side the source comes down.

    Args:
        stance: 1 for the claim, -1 against it, 0 neither.
        decisive: It may overrule the report by itself.
        silent: It could have spoken of the image and does not: it abstains.
        words: For a reader; empty when the source has nothing to say.
    """

    stance: int = 0
    decisive: bool = False
    supporting: list[str] = field(default_factory=list)
    opposing: list[str] = field(default_factory=list)
    words: str = ""
    silent: bool = False
