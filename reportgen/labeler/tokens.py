"""Words and marks of a text with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*(?![^\W_])|[^\W_]+(?:['’][^\W\d_]+)?|_+|\S")
_HYPHENS = frozenset("-\u2010\u2011\u00ad")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark; ``word`` is in lower case."""

    word: str
    start: int
    end: int


def tokenise(text: str) -> list[Token]:
    """Return the tokens of ``text``; hyphens inside words are left out."""
    tokens = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if match[0] in _HYPHENS and _inside_word(text, start, end):
            continue
        tokens.append(Token(match[0].lower().replace("’", "'"), start, end))
    return tokens


def _inside_word(text: str, start: int, end: int) -> bool:
    return start > 0 and end < len(text) and text[start - 1].isalnum() and text[end].isalnum()
