"""What the ``medx retrieve`` commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.search.results import SearchResult


def print_search(result: SearchResult, *, json: bool) -> None:
    """Print hits as a table, or the result as JSON."""
    from medx.core.console import print_json, print_table

    if json:
        print_json(result)
        return
    made_up = "SYNTHETIC " if result.synthetic else ""
    title = (
        f"{result.query!r} among {result.count} {made_up}images of {result.dataset}"
        f" (encoder {result.encoder})"
    )
    same = ("", " = query's pixels")
    print_table(
        (
            (h.rank, h.similarity, h.label, h.split, h.id + same[h.id in result.duplicates],
             h.text or h.path)
            for h in result.hits
        ),
        columns=("rank", "similarity", "label", "split", "id", "text or path"),
        title=title + (f"\nwarning: {result.warning}" if result.warning else ""),
    )  # fmt: skip
