"""Sentences of a passage."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reportgen.labeler.tokens import Token

_ABBREVIATIONS = frozenset(
    {"vs", "dr", "mr", "mrs", "ms", "approx", "st", "e.g", "i.e", "cf", "fig"}
)
_BULLET = re.compile(r"\s*(?:[-*•·–]|\d{1,2}[.)])\s")
_SHORT_LINE = 60
_OPENING = frozenset({"", " ", "\t", "\n", "(", "?"})
#: No sentence of a report is longer; text without stops must not take time without end.
MAX_WORDS = 100


def find_sentences(text: str, tokens: Sequence[Token]) -> list[list[Token]]:
    """Split the tokens of one passage into sentences; closing marks are dropped."""
    sentences: list[list[Token]] = []
    current: list[Token] = []
    for i, token in enumerate(tokens):
        if len(current) >= MAX_WORDS or (current and _starts_line(text, current[-1], token)):
            sentences.append(current)
            current = []
        if _ends_sentence(text, tokens, i):
            if token.word == "?":
                current.append(token)
            sentences.append(current)
            current = []
        else:
            current.append(token)
    return [sentence for sentence in [*sentences, current] if sentence]


def _ends_sentence(text: str, tokens: Sequence[Token], i: int) -> bool:
    token = tokens[i]
    before = tokens[i - 1].word if i else ""
    after = text[token.end : token.end + 1]
    if token.word in (";", "!", "{", "}"):
        return True
    if token.word == "?":
        return not after.isalnum() and not _asks_ahead(text, token)
    if token.word != "." or before in _ABBREVIATIONS:
        return False
    return not after or not after.isalnum() or (after.isupper() and len(before) > 1)


def _asks_ahead(text: str, token: Token) -> bool:
    """Return True for the mark of "LLL ? consolidation", which stands before what it doubts."""
    return text[max(0, token.start - 1) : token.start] in _OPENING


def _starts_line(text: str, last: Token, token: Token) -> bool:
    """Return True for a new paragraph, a list item, or a line after one that was not filled."""
    gap = text[last.end : token.start]
    if "\n" not in gap and "\r" not in gap:
        return False
    if "\n" in gap.replace("\r\n", "\n").replace("\r", "\n").split("\n", 1)[-1]:
        return True
    line = text[text.rfind("\n", 0, token.start) + 1 : token.end + 4]
    if _BULLET.match(line):
        return True
    start = text.rfind("\n", 0, last.end) + 1
    capital = text[token.start : token.start + 2]
    filled = last.end - start >= _SHORT_LINE
    return not filled and capital[:1].isupper() and not capital.isupper()
