"""Text that goes round in circles."""

from __future__ import annotations

import re

from reportgen.agreement.results import ReportWarning, WarningKind

_LONGEST = 40


def find_repetition(text: str) -> list[ReportWarning]:
    """Return a warning when words come again and again, one after the other; numbers do not count.

    Six times for a single word, four for a few words, three from five words on.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    for size in range(1, _LONGEST + 1):
        start = _loop(words, size, times=6 if size == 1 else 4 if size < 5 else 3)
        if start is not None:
            shown = " ".join(words[start : start + min(size, 8)])
            said = f"repeats itself: “{shown}{' …' if size > 8 else ''}”"
            return [ReportWarning(kind=WarningKind.repetition, text=said)]
    return []


def _loop(words: list[str], size: int, *, times: int) -> int | None:
    """Return where ``size`` words begin that come ``times`` times in a row, or None."""
    run, needed = 0, size * (times - 1)
    for i in range(len(words) - size):
        run = run + 1 if words[i] == words[i + size] else 0
        if run == needed:
            return i + 1 - needed
    return None
