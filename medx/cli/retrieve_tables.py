"""What the ``medx retrieve`` commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.evaluation.results import EvaluationResult
    from retrieval.search.queries import SearchResult


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


def print_evaluation(result: EvaluationResult) -> None:
    """Print one table a protocol."""
    from medx.core.console import print_line, print_table

    made_up = "SYNTHETIC " if result.synthetic else ""
    for p in result.protocols:
        print_table(
            (
                (row.metric, row.label or row.scope, str(row.precision), row.chance, row.n)
                for row in (*p.rows, *p.average_precisions)
            ),
            columns=("metric", "of", "precision [95 % interval]", "chance", "n"),
            title=f"{p.task}, {p.protocol}: {made_up}{result.dataset}, {p.queries} queries of "
            f"split {p.split} in {p.gallery} images of split {p.gallery_split} "
            f"(encoder {result.encoder.name}; left out: {p.excluded_duplicates} duplicate pairs, "
            f"{p.excluded_same_group} same-group pairs)"
            + (f"\nnot measured: {', '.join(p.unmeasured)}" if p.unmeasured else ""),
        )
    looks = "once" if result.test_evaluations == 1 else f"{result.test_evaluations} times"
    print_line(f"test split of {result.dataset} evaluated {looks} so far with this encoder")
