"""What a report says itself: without restated evidence and what stands before its headings."""

from __future__ import annotations

import re
from functools import lru_cache

from reportgen.evidence import Evidence
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.passages import find_passages

#: Headings of a report's summing up.
IMPRESSIONS = frozenset({"impression", "conclusion", "conclusions", "opinion"})


def own_words(text: str, evidence: Evidence) -> str:
    """Return ``text`` with spaces for all that is not the report's own statement.

    These are items of the evidence word for word, and what stands before the first heading unless
    that is the impression's, as in a report whose findings have no heading. Places stay.
    """
    return _own(text, tuple((item.id, item.statement) for item in evidence.items()))


@lru_cache(maxsize=8)  # every check of a report asks for its own words
def _own(text: str, items: tuple[tuple[str, str], ...]) -> str:
    said = " ".join(text.lower().split())
    for name, statement in items:
        if " ".join(statement.lower().split()) not in said:
            continue  # as most are: spares a pattern each
        words = r"\s+".join(map(re.escape, statement.split()))
        text = re.sub(rf"(?:\[?{name}\]?:?\s*)?{words}", _blank, text, flags=re.I)
    passages = find_passages(text, load_lexicon())
    headed = [passage.heading for passage in passages if passage.heading]
    if not headed or headed[0] in IMPRESSIONS:
        return text
    end = passages[0].end  # of what stands under no heading
    return " " * end + text[end:]


def _blank(match: re.Match[str]) -> str:
    return " " * (len(match[0]) - 1) + "."
