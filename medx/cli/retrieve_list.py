"""``medx retrieve list``: encoders and indexes."""

from __future__ import annotations

from medx.cli.options import JsonOption
from medx.cli.retrieve_encoders import WORDS
from medx.cli.retrieve_options import BackendOption, UriOption
from medx.cli.retrieve_tables import describe_splits
from retrieval.config import GalleryConfig


def list_indexes(
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    json: JsonOption = False,
) -> None:
    """List the encoders and the indexes that are built."""
    from medx.core.console import note, print_json, print_line, print_table
    from medx.core.words import file_size
    from retrieval.index.listing import list_retrieval
    from retrieval.milvus.connection import default_uri, is_missing

    listing = list_retrieval(backend=backend, uri=uri)
    if backend != "milvus" and not is_missing(default_uri()):
        note(f"{default_uri()} may hold more: medx retrieve list --backend milvus")
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
    troubled = any(index.problem for index in listing.indexes)
    print_table(
        (
            (i.name, i.encoder, f"{i.dataset} (synthetic)" if i.synthetic else i.dataset, i.count,
             describe_splits(i.splits or {}), i.kind, file_size(i.megabytes * 1e6),
             *([i.problem or ""] if troubled else []))
            for i in listing.indexes
        ),
        columns=("index", "encoder", "dataset", "images", "splits", "kind", "size",
                 *(["problem"] if troubled else [])),
        title=f"indexes in {listing.index_dir}",
    )  # fmt: skip
