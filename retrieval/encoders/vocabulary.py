"""Words of the `compact` encoder: how text becomes token ids, with no framework."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WORD = re.compile(r"[a-z]+|[0-9]+")
MAX_TOKENS = 40

#: Words that carry no finding: knowing only these is knowing nothing of a query.
FILLER = frozenset(
    [
        *("a", "an", "and", "are", "at", "by", "for", "from", "in", "is", "it", "of", "on", "or"),
        *("chest", "film", "frontal", "image", "images", "patient", "picture", "radiograph"),
        *("ray", "scan", "showing", "shows", "the", "there", "this", "to", "view", "with", "x"),
    ]
)


def split_words(text: str) -> list[str]:
    """Return the lower-case words and numbers of a text, in order."""
    return WORD.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Token ids: 0 is padding, word i of ``words`` has id i + 1; unknown words are dropped."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: i + 1 for i, word in enumerate(self.words)})

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """Return the sorted vocabulary of some texts."""
        return cls(tuple(sorted({word for text in texts for word in split_words(text)})))

    def __len__(self) -> int:
        return len(self.words) + 1

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return token ids ``(N, L)`` padded with 0; L is the longest text's length, at least 1."""
        rows = [[i for w in split_words(t) if (i := self._id(w))][:MAX_TOKENS] for t in texts]
        ids = np.zeros((len(rows), max((len(row) for row in rows), default=1) or 1), np.int64)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = tokens
        return ids

    def unknown(self, text: str) -> tuple[tuple[str, ...], bool]:
        """Return the words of ``text`` never learned, and whether no telling word is known."""
        words = split_words(text)
        missing = tuple(dict.fromkeys(word for word in words if not self._id(word)))
        telling = [word for word in words if word not in FILLER and self._id(word)]
        return missing, not telling

    def _id(self, word: str) -> int:
        """Return the id of a word, of its singular, or 0."""
        ids: dict[str, int] = self._ids  # type: ignore[attr-defined]
        for form in (word, word.removesuffix("s"), word.removesuffix("es")):
            if form in ids:
                return ids[form]
        if word.endswith("ies"):
            return ids.get(word[:-3] + "y", 0)
        return 0
