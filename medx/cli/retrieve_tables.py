"""What the search commands print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.index.tuning import Tuning
    from retrieval.search.results import SearchResult, Vote


def describe_kind(kind: str, tuning: Tuning | None) -> str:
    """Return how an index is searched, and what that misses."""
    if tuning is not None:
        return str(tuning)
    return f"{kind}: {'every search is exact' if kind == 'flat' else 'its recall is not measured'}"


def describe_splits(splits: Mapping[str, int]) -> str:
    """Return how many images each split holds, such as ``train 60, no split 3``."""
    return ", ".join(f"{'no split' if name == '-' else name} {n}" for name, n in splits.items())


def print_search(result: SearchResult, *, json: bool) -> None:
    """Print hits as a table, or the result as JSON."""
    from medx.core.console import print_json, print_table
    from retrieval.search.results import shown_similarity

    if json:
        print_json(result)
        return
    same = ("", " = query's pixels")
    print_table(
        (
            (h.rank, shown_similarity(h.similarity), h.label, h.split,
             h.id + same[h.id in result.duplicates], h.text or h.path)
            for h in result.hits
        ),
        columns=("rank", "similarity", "label", "split", "id", "text or path"),
        title=_title(result),
    )  # fmt: skip
    if result.vote:
        _print_vote(result.vote)


def _title(result: SearchResult) -> str:
    made_up = "SYNTHETIC " if result.synthetic else ""
    part = "" if result.searched == result.count else f"{result.searched} of "
    lines = [
        f"{result.query!r} among {part}{result.count} {made_up}images of {result.dataset}"
        f" (encoder {result.encoder})"
    ]
    if result.where:
        lines.append(f"where {result.where}")
    if result.templates:
        lines.append("words stand for the mean of: " + "; ".join(result.templates))
    for why in dict.fromkeys(row.why for row in result.left_out):
        count = sum(row.why == why for row in result.left_out)
        lines.append(f"left out for {why}: {count}; --json lists them")
    lines += [f"note: {text}" for text in result.notes]
    if result.warning:
        lines.append(f"warning: {result.warning}")
    return "\n".join(lines)


def _print_vote(vote: Vote) -> None:
    from medx.core.console import print_line, print_table

    if not vote.shares:
        print_line("no vote: none of the hits that count has a label")
        return
    not_counted = (
        f"; {len(vote.not_counted)} of the query itself do not" if vote.not_counted else ""
    )
    print_table(
        ((row.label, row.share, row.hits, row.prevalence) for row in vote.shares),
        columns=("label", "share", "hits", "of all searched"),
        title=f"vote of {vote.voters} labelled hits, weighted by {vote.weighting}{not_counted}",
    )
    print_line(f"a share is no probability: {vote.note}")
    if vote.check:
        check = vote.check
        print_table(
            ((f"{b.low:.1f} - {b.high:.1f}", b.n, b.mean_share, b.right) for b in check.bins),
            columns=("leading share", "queries", "mean share", "right"),
            title=f"{check.n} queries of {check.split} against {check.gallery_split}: accuracy "
            f"{check.accuracy}, chance {check.chance:.3f}, calibration error "
            f"{check.calibration_error:.3f}",
        )
