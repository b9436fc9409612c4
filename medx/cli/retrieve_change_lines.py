"""What the commands that change an index print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.store.results import ChangeResult

#: Ids named in a note; the rest is in --json.
NAMED = 3


def print_change(result: ChangeResult, *, json: bool) -> None:
    """Print what became of an index as one line, or the result as JSON; notes tell the rest."""
    from medx.core.console import note, print_json, print_line
    from medx.core.words import many

    counts = {
        "added": result.added,
        "changed": result.changed,
        "relabelled": result.relabelled,
        "removed": result.removed,
        "unchanged": result.unchanged,
        "skipped": len(result.skipped),
    }
    if json:
        print_json(result)
    else:
        told = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing to do"
        parts = f" in {many(result.segments, 'segment')}" if result.segments else ""
        print_line(f"index {result.index}: {told}; now {many(result.count, 'image')}{parts}")
    if result.renamed:
        note(
            f"{many(len(result.renamed), 'id')} held by another image: the dataset's name stands "
            f"before {_some(result.renamed)}"
        )
    if result.absent:
        note(f"not in the index: {_some(result.absent)}")


def _some(ids: tuple[str, ...]) -> str:
    rest = len(ids) - NAMED
    return ", ".join(ids[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
