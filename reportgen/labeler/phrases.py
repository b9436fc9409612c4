"""Known phrases in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.labeler.lexicon import Lexicon, Tag


@dataclass(frozen=True, slots=True)
class Phrase:
    """A known phrase: tokens ``start`` to ``end`` (exclusive) of a sentence."""

    start: int
    end: int
    tags: tuple[Tag, ...]

    def value(self, kind: str) -> str | None:
        """Return what the phrase says of ``kind``, or None."""
        return next((value for name, value in self.tags if name == kind), None)

    def values(self, kind: str) -> list[str]:
        """Return all that the phrase says of ``kind``."""
        return [value for name, value in self.tags if name == kind]

    def has(self, *kinds: str) -> bool:
        """Return True when the phrase is of one of ``kinds``."""
        for name, _ in self.tags:  # noqa: SIM110 - any() takes twice as long
            if name in kinds:
                return True
        return False


def find_phrases(words: Sequence[str], lexicon: Lexicon) -> list[Phrase]:
    """Return the phrases in ``words``, none overlapping another: first start, then longest."""
    found, position = [], 0
    while position < len(words):
        phrase = _longest_at(words, position, lexicon)
        if phrase:
            found.append(phrase)
        position = phrase.end if phrase else position + 1
    return found


def _longest_at(words: Sequence[str], position: int, lexicon: Lexicon) -> Phrase | None:
    for length in lexicon.lengths.get(words[position], ()):
        phrase = tuple(words[position : position + length])
        tags = lexicon.phrases.get(phrase)
        if tags is not None:
            return Phrase(position, position + len(phrase), tags)
    return None
