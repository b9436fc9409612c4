"""A report's text cut where a heading, a citation or a claim begins or ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from reportgen.report import Report

_CITATION = re.compile(r"\[[A-Z]\d+(?:\s*[,;]\s*[A-Z]\d+)*\]")
_ID = re.compile(r"[A-Z]\d+")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of text that is one thing all through.

    Args:
        heading: True inside a section's heading.
        evidence: The evidence item it names.
        claims: Numbers, from 1, of the claims it is part of.
        ends: Those of them that end with it.
    """

    text: str
    heading: bool = False
    evidence: str | None = None
    claims: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()


def mark_text(report: Report) -> list[Piece]:
    """Return the pieces of a report's text, which together are the text."""
    text = report.text
    claims = [
        (n, max(0, claim.start), min(len(text), claim.end))
        for n, claim in enumerate(report.agreement.claims if report.agreement else [], start=1)
        if claim.start < min(len(text), claim.end)
    ]
    headings = list(_headings(report))
    cited = list(_citations(report))
    spans = [(start, end) for _, start, end in claims]
    spans += headings + [(start, end) for _, start, end in cited]
    cuts = sorted({0, len(text), *(place for span in spans for place in span)})
    return [
        Piece(
            text=text[start:end],
            heading=any(a <= start < b for a, b in headings),
            evidence=next((name for name, a, b in cited if a <= start < b), None),
            claims=tuple(n for n, a, b in claims if a <= start < b),
            ends=tuple(n for n, _, b in claims if b == end),
        )
        for start, end in pairwise(cuts)
    ]


def _headings(report: Report) -> Iterator[tuple[int, int]]:
    for section in report.sections:
        pattern = rf"^[\s#*_>]*{re.escape(section.name)}[*_]*:"
        if found := re.search(pattern, report.text, re.I | re.M):
            yield found.span()


def _citations(report: Report) -> Iterator[tuple[str, int, int]]:
    known = {item.id for item in report.items}
    for group in _CITATION.finditer(report.text):
        for found in _ID.finditer(report.text, *group.span()):
            if found[0] in known:
                yield found[0], *found.span()
