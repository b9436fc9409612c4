"""``medx retrieve list``: encoders and indexes."""

from __future__ import annotations

from medx.cli.options import JsonOption
from medx.cli.retrieve_encoders import WORDS


def list_indexes(json: JsonOption = False) -> None:
    """List the encoders and the indexes that are built."""
    from medx.core.console import print_json, print_line, print_table
    from medx.core.words import file_size
    from retrieval.index.listing import list_retrieval

    listing = list_retrieval()
    if json:
        print_json(listing)
        return
    print_table(
        ((e.name, WORDS[e.at_hand], e.summary) for e in listing.encoders),
        columns=("encoder", "weights at hand", "what"),
    )
    if not listing.indexes:
        print_line(f"no index in {listing.index_dir} yet: medx retrieve build")
        return
    print_table(
        (
            (i.name, i.encoder, i.dataset, {True: "yes", False: "no"}.get(bool(i.synthetic)),
             i.count, ", ".join(f"{s} {n}" for s, n in (i.splits or {}).items()),
             i.kind, i.segments, i.removed, file_size(i.megabytes * 1e6), i.problem or "")
            for i in listing.indexes
        ),
        columns=("index", "encoder", "dataset", "synthetic", "images", "splits", "kind", "segments",
                 "removed", "size", "problem"),
        title=f"indexes in {listing.index_dir}",
    )  # fmt: skip
