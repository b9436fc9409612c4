"""One spelling a word: British or American, singular, small typing errors set right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

#: Shorter words are never corrected: too many others are one letter away.
MIN_LETTERS = 7
#: From this length on two errors are forgiven.
LONG = 10
_CACHE = 1 << 15


class Speller:
    """Maps words to those of a vocabulary.

    Args:
        words: The vocabulary.
        variants: Other spellings of words.
        left_alone: Words that resemble the vocabulary and mean something else.
    """

    def __init__(
        self, words: Iterable[str], variants: Mapping[str, str], left_alone: Iterable[str]
    ) -> None:
        self._words = frozenset(words)
        self._variants = dict(variants)
        self._left_alone = frozenset(left_alone)
        self._long = [word for word in sorted(self._words) if len(word) >= MIN_LETTERS]
        self.spell = lru_cache(maxsize=_CACHE)(self._spell)

    def with_words(self, words: Iterable[str]) -> Speller:
        """Return a speller that knows ``words`` too."""
        return Speller(self._words | frozenset(words), self._variants, self._left_alone)

    def _spell(self, word: str) -> str:
        """Return the vocabulary's form of a lower-case word, or the word itself."""
        word = self._variants.get(word, word)
        singular = self._singular(word)
        if singular in self._words or word in self._left_alone:
            return singular
        if len(word) < MIN_LETTERS or len(word) > 24 or not (word.isascii() and word.isalpha()):
            return word
        near = self._nearest(word)
        return self._singular(near) if near else word

    def _singular(self, word: str) -> str:
        if len(word) > 3 and word.endswith("s"):
            for form in (word[:-1], word[:-2], f"{word[:-3]}y" if word.endswith("ies") else ""):
                if form in self._words:
                    return form
        return word

    def _nearest(self, word: str) -> str | None:
        """Return the one word with the fewest errors, within what the length allows."""
        best, fewest = None, 3
        for form in (word, word[:-1] if word.endswith("s") else ""):
            for known in self._long:
                allowed = 2 if min(len(form), len(known)) >= LONG else 1
                if abs(len(form) - len(known)) > allowed or len(form) < MIN_LETTERS - 1:
                    continue
                errors = count_errors(form, known, allowed)
                if errors <= allowed and errors < fewest:
                    best, fewest = known, errors
        return best


def count_errors(first: str, second: str, limit: int) -> int:
    """Return the letters inserted, left out, exchanged or swapped; ``limit + 1`` when more."""
    before: list[int] = []
    last = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        row = [i]
        for j, b in enumerate(second, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if before and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return min(last[-1], limit + 1)
