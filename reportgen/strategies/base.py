"""A strategy is data: what is asked, and which sections the answer must have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

#: Words for the likelihood of a ranked reading.
LIKELIHOODS = ("high", "moderate", "low")


def field_key(name: str) -> str:
    """Return a section's or region's name as a field of JSON: ``heart_and_mediastinum``."""
    return re.sub(r"\W+", "_", name.lower()).strip("_")


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
        max_entries: Most lines of a ranked list.
        max_characters: Of a section of prose, of what is said of a region, of each side of a
            ranked reading.
    """

    name: str
    kind: SectionKind = SectionKind.text
    aliases: tuple[str, ...] = ()
    min_entries: int = 0
    max_entries: int = 4
    max_characters: int = 400

    @property
    def heading(self) -> str:
        """The heading as prompts ask for it."""
        return self.name.upper()

    @property
    def key(self) -> str:
        """The field of a JSON answer."""
        return field_key(self.name)


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A versioned way of asking for a report.

    Args:
        version: Bump when a word of the prompt or the contract changes.
        system_prompt: Jinja2 text of the system turn, for models that have one.
        template: Jinja2 text of the user turn: what to write. The form is asked for by medx.
        sections: The output contract.
        max_new_tokens: Enough for the answer, thinking not counted.
        source: The file it was read from, as errors call it.
        first_line: Where in that file ``template`` begins.
    """

    name: str
    version: int
    summary: str
    system_prompt: str
    template: str
    sections: tuple[SectionSpec, ...]
    max_new_tokens: int
    source: str = ""
    first_line: int = 1
