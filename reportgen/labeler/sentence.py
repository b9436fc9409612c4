"""A sentence with the known phrases in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from reportgen.labeler.finding import Finding, Side, Status
from reportgen.labeler.lexicon import Lexicon
from reportgen.labeler.phrases import Phrase, find_phrases
from reportgen.labeler.tokens import Token

_FIXED = frozenset(status.value for status in Status)


@dataclass(frozen=True)
class Sentence:
    """Words as the lexicon spells them, and the phrases among them."""

    tokens: list[Token]
    words: list[str]
    phrases: list[Phrase]
    lexicon: Lexicon

    @cached_property
    def contrasts(self) -> frozenset[int]:
        """The tokens that begin a phrase such as "but"."""
        return frozenset(phrase.start for phrase in self.phrases if phrase.has("contrast"))

    def between(self, start: int, end: int) -> Iterator[Phrase]:
        """Yield the phrases that lie in tokens ``start`` to ``end``."""
        return (phrase for phrase in self.phrases if start <= phrase.start and phrase.end <= end)

    def is_word(self, position: int, group: str) -> bool:
        """Return True when the token is of a word class; False beyond the ends."""
        inside = 0 <= position < len(self.words)
        return inside and self.words[position] in self.lexicon.words[group]

    def written(self, phrase: Phrase) -> str:
        """Return a phrase's words."""
        return " ".join(token.word for token in self.tokens[phrase.start : phrase.end])


@dataclass
class Target:
    """A phrase that speaks of a finding, while it is being judged.

    Args:
        finding: A ``Finding``, or the name of a class where classes are read.
        start: First token; ``end`` is one past the last.
        fixed: The phrase alone decides ``status``.
        side: Where the words around the finding do not decide it.
    """

    finding: str
    start: int
    end: int
    status: Status = Status.present
    fixed: bool = False
    stated: bool = True
    cues: list[str] = field(default_factory=list)
    side: Side | None = None


def read_sentence(tokens: Sequence[Token], lexicon: Lexicon) -> Sentence:
    """Spell the words of a sentence and find its phrases."""
    words = [lexicon.speller.spell(token.word) for token in tokens]
    return Sentence(list(tokens), words, find_phrases(words, lexicon), lexicon)


def find_terms(sentence: Sentence) -> list[Target]:
    """Return the phrases that name a finding."""
    targets = []
    for phrase in sentence.phrases:
        for kind, value in phrase.tags:
            if kind == "finding":
                targets.append(Target(Finding(value), phrase.start, phrase.end))
            elif kind in _FIXED:
                status = Status(kind)
                targets.append(Target(Finding(value), phrase.start, phrase.end, status, fixed=True))
    return targets
