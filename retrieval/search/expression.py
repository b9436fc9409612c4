"""The language of ``medx retrieve search``: ``"words" + id-or-file - 0.5 * "other words"``."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from medx.core.errors import InputError
from medx.core.pointing import point_at
from retrieval.search.query import Query, Term, TermKind

_SPACE = re.compile(r"\s*")
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*\*\s*")
_KIND = re.compile(r"(text|id|file):(?=\S)")
_BARE = re.compile(r"\S+")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}

EXAMPLE = 'medx retrieve search \'"consolidation" + ./q.png - 0.5 * "pleural effusion"\''


class _Operand(NamedTuple):
    kind: TermKind
    value: str
    end: int


def parse_query(text: str) -> Query:
    """Return the query that an expression stands for.

    Words stand in quotes; anything else is an indexed id, an image file or a URL. A sign stands
    between blanks, so that ids may hold dashes. ``id:``, ``file:`` and ``text:`` say what follows,
    which may be quoted.

    Raises:
        InputError: When it cannot be read; the message points at the place.
    """
    terms: list[Term] = []
    place = _skip(text, 0)
    if place == len(text):
        raise InputError("nothing to search for: the query is empty", hint=f"such as {EXAMPLE}")
    while place < len(text):
        sign, place = _read_sign(text, place, needed=bool(terms))
        weight, place = _read_weight(text, place)
        operand = _read_operand(text, place)
        terms.append(Term(kind=operand.kind, value=operand.value, weight=sign * weight))
        place = _skip(text, operand.end)
    return Query(tuple(terms), written=text.strip())


def _read_sign(text: str, place: int, *, needed: bool) -> tuple[float, int]:
    if text[place] in "+-":
        return (-1.0 if text[place] == "-" else 1.0), _skip(text, place + 1)
    if needed:
        if text[place] == "*":
            raise _error(text, place, "a weight stands before its part", hint='0.5 * "effusion"')
        raise _error(
            text,
            place,
            "+ or - is missing",
            hint='a blank stands in quotes only: "pleural effusion", id:"scan 1", '
            'file:"my scan.png"',
        )
    return 1.0, place


def _read_weight(text: str, place: int) -> tuple[float, int]:
    found = _WEIGHT.match(text, place)
    if not found:
        return 1.0, place
    weight = float(found.group(1))
    if weight == 0 or not math.isfinite(weight):
        raise _error(text, place, "a weight must be above 0 and finite")
    return weight, found.end()


def _read_operand(text: str, place: int) -> _Operand:
    if place == len(text):
        raise _error(text, place, "words, an id or a file must follow here")
    if text[place] in "()":
        raise _error(text, place, "parentheses are not read", hint="give each part its own weight")
    if text[place] in "+-*":
        raise _error(text, place, "words, an id or a file must stand here")
    kind: TermKind = "like"
    marked = _KIND.match(text, place)
    if marked:
        kind, place = marked.group(1), marked.end()  # type: ignore[assignment]
    if text[place] in _QUOTES:
        value, end = _read_quoted(text, place)
        return _Operand("text" if kind == "like" else kind, value, end)
    found = _BARE.match(text, place)
    value = found.group() if found else ""
    return _Operand(kind, value, place + len(value))


def _read_quoted(text: str, place: int) -> tuple[str, int]:
    closing = _QUOTES[text[place]]
    value, i = "", place + 1
    while i < len(text) and text[i] != closing:
        i += text[i] == "\\" and text[i + 1 : i + 2] in {closing, "\\"}
        value += text[i]
        i += 1
    if i >= len(text):
        raise _error(text, place, "this quote is never closed")
    if not value.strip():
        raise _error(text, place, "nothing stands in these quotes")
    return value, i + 1


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _error(text: str, place: int, what: str, *, hint: str | None = None) -> InputError:
    drawing = point_at(text, place)
    return InputError(f"cannot read the query: {what}\n{drawing}", hint=hint or f"as in {EXAMPLE}")
