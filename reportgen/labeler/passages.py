"""A report cut at its headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reportgen.labeler.lexicon import Lexicon

_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters ``start`` to ``end`` under one heading.

    Args:
        heading: In lower case; empty when there is none.
        kind: ``stated``, ``hedged`` (ranked possibilities) or ``elsewhere`` (not of this image).
    """

    start: int
    end: int
    heading: str
    kind: str


def find_passages(text: str, lexicon: Lexicon) -> list[Passage]:
    """Cut ``text`` at known headings; of the headings themselves nothing is kept.

    A paragraph without a heading after one about history, say, belongs to the report again.
    """
    passages, start, heading, kind = [], 0, "", "stated"
    for match in _headings(tuple(lexicon.sections)).finditer(text):
        name = " ".join(match["name"].lower().split())
        if not _is_heading(text, match):
            continue
        passages += _cut(text, Passage(start, match.start(), heading, kind))
        start, heading, kind = match.end(), name, lexicon.sections[name]
    return passages + _cut(text, Passage(start, len(text), heading, kind))


@lru_cache(maxsize=1)
def _headings(names: tuple[str, ...]) -> re.Pattern[str]:
    longest = sorted(names, key=len, reverse=True)
    words = "|".join(r"[ \t]+".join(map(re.escape, name.split())) for name in longest)
    return re.compile(
        rf"(?<![^\W_])(?P<name>{words})(?:[ \t]?\([^)\n]{{0,20}}\))?[*_\"']{{0,3}}[ \t]*"
        r"(?::[*_]{0,2}|(?=\n|$))",
        re.I,
    )


def _is_heading(text: str, match: re.Match[str]) -> bool:
    """Return True for what stands as a heading does: on a line of its own, or capital and colon."""
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    first = not line.strip(" \t#*_>\"'-{,•") or bool(re.fullmatch(r"\s*\d[.)]\s*", line))
    if not match[0].rstrip().endswith((":", "*", "_")):
        return first and (match["name"].isupper() or "#" in line or "*" in line)
    quoted = match.start() > 0 and text[match.start() - 1] in "\"'"
    after_stop = line.rstrip().endswith((".", "?", "!")) and match["name"][0].isupper()
    return first or quoted or match["name"].isupper() or after_stop


def _cut(text: str, passage: Passage) -> list[Passage]:
    if passage.kind != "elsewhere":
        return [passage]
    body = re.compile(r"\S").search(text, passage.start, passage.end)
    blank = _BLANK.search(text, body.start(), passage.end) if body else None
    if blank is None:
        return [passage]
    rest = Passage(blank.end(), passage.end, "", "stated")
    return [Passage(passage.start, blank.start(), passage.heading, passage.kind), rest]
