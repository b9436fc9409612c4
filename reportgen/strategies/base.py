"""A strategy is data: what is asked, and which sections the answer must have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SectionKind(str, Enum):
    """How a section is read."""

    text = "text"
    regions = "regions"
    ranked = "ranked"


@dataclass(frozen=True, kw_only=True)
class SectionSpec:
    """One section the answer must have.

    Args:
        name: How results call it.
        kind: Prose, ``- Region: text`` lines, or a numbered list with ``For:`` and ``Against:``.
        aliases: Other headings that models write for it.
        min_entries: Fewest lines of a list.
    """

    name: str
    kind: SectionKind = SectionKind.text
    aliases: tuple[str, ...] = ()
    min_entries: int = 0

    @property
    def heading(self) -> str:
        """The heading as prompts ask for it."""
        return self.name.upper()


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A versioned way of asking for a report.

    Args:
        version: Bump when a word of the prompt or the contract changes.
        system_prompt: Jinja2 text of the system turn, for models that have one.
        template: Jinja2 text of the user turn.
        sections: The output contract.
        needs: Variables that both texts use.
        max_new_tokens: Enough for the answer, thinking not counted.
    """

    name: str
    version: int
    summary: str
    system_prompt: str
    template: str
    sections: tuple[SectionSpec, ...]
    needs: tuple[str, ...]
    max_new_tokens: int
