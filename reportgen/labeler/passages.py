"""A report cut at its headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from reportgen.labeler.lexicon import Lexicon
from reportgen.labeler.sentences import find_sentences
from reportgen.labeler.tokens import Token

#: A blank line, or a line that begins with a heading in capitals.
_END = re.compile(r"\n[ \t]*(?:\n|(?=[A-Z][A-Z0-9 ,/()-]{2,60}:))")


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters ``start`` to ``end`` under one heading.

    Args:
        heading: In lower case; empty when there is none.
        kind: ``stated``, ``hedged`` (ranked possibilities), ``before`` (not of this image, under a
            heading that precedes a report) or ``elsewhere`` (not of this image either).
    """

    start: int
    end: int
    heading: str
    kind: str

    @property
    def tells(self) -> bool:
        """True where the report speaks of this image."""
        return self.kind in ("stated", "hedged")


def find_passages(text: str, lexicon: Lexicon) -> list[Passage]:
    """Cut ``text`` at known headings; of the headings themselves nothing is kept.

    After one about history, say, a paragraph without a heading belongs to the report again, and so
    does what stands under an unknown heading in capitals.
    """
    passages, start, heading, kind = [], 0, "", "stated"
    for match in _headings(tuple(lexicon.sections)).finditer(text):
        name = " ".join(match["name"].lower().split())
        if not _is_heading(text, match):
            continue
        passages += _cut(text, Passage(start, match.start(), heading, kind))
        start, heading, kind = match.end(), name, lexicon.sections[name]
    return passages + _cut(text, Passage(start, len(text), heading, kind))


def free_report(
    text: str, tokens: Sequence[Token], passages: Sequence[Passage]
) -> list[Passage] | None:
    """Return the passages for a text that states nothing, or None when there is nothing to free.

    In "Reason: trauma. No fracture." the report goes on behind the history: from its second
    sentence on, the last such passage with more than one is the report, if no report follows it.
    """
    for i, passage in reversed(list(enumerate(passages))):
        own = [token for token in tokens if passage.start <= token.start < passage.end]
        if passage.tells and own:
            return None
        if passage.kind != "before":
            continue
        _, *rest = find_sentences(text, own) or [[]]
        if rest:
            start = rest[0][0].start
            report = Passage(start, passage.end, "", "stated")
            return [*passages[:i], replace(passage, end=start), report, *passages[i + 1 :]]
    return None


@lru_cache(maxsize=1)
def _headings(names: tuple[str, ...]) -> re.Pattern[str]:
    rests: dict[str, list[str]] = {}  # by first word: trying every name at every word takes long
    for name in sorted(names, key=len, reverse=True):
        first, *rest = map(re.escape, name.split())
        rests.setdefault(first, []).append("".join(rf"[ \t]+{word}" for word in rest))
    words = "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items())
    initials = "".join(sorted({first[0] for first in rests}))
    return re.compile(
        rf"(?<![^\W_])(?=[{initials}])(?P<name>{words})"
        r"(?:[ \t]?\([^)\n]{0,20}\))?[*_\"']{0,3}[ \t]*(?::[*_]{0,2}|(?=\n|$))",
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
    if passage.tells:
        return [passage]
    body = re.compile(r"\S").search(text, passage.start, passage.end)
    end = _END.search(text, body.start(), passage.end) if body else None
    if end is None:
        return [passage]
    rest = Passage(end.end(), passage.end, "", "stated")
    return [Passage(passage.start, end.start(), passage.heading, passage.kind), rest]
