"""What a report says itself: without restated evidence and what stands before its headings."""

from __future__ import annotations

import re

from reportgen.evidence import Evidence
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.passages import find_passages

_IMPRESSIONS = frozenset({"impression", "conclusion", "conclusions", "opinion"})


def own_words(text: str, evidence: Evidence) -> str:
    """Return ``text`` with spaces for all that is not the report's own statement.

    These are items of the evidence word for word, and what stands before the first heading unless
    that is the impression's, as in a report whose findings have no heading. Places stay.
    """
    for item in evidence.items():
        words = r"\s+".join(map(re.escape, item.statement.split()))
        text = re.sub(rf"(?:\[?{item.id}\]?:?\s*)?{words}", _blank, text, flags=re.I)
    passages = find_passages(text, load_lexicon())
    headed = [passage.heading for passage in passages if passage.heading]
    if not headed or headed[0] in _IMPRESSIONS:
        return text
    end = passages[0].end  # of what stands under no heading
    return " " * end + text[end:]


def _blank(match: re.Match[str]) -> str:
    return " " * (len(match[0]) - 1) + "."
