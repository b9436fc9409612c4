"""``medx retrieve info``: what one index holds."""

from __future__ import annotations

from medx.cli.options import JsonOption
from medx.cli.retrieve_options import BackendOption, IndexArgument, UriOption
from medx.cli.retrieve_tables import describe_kind, describe_splits
from retrieval.config import GalleryConfig


def info(
    index: IndexArgument,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    json: JsonOption = False,
) -> None:
    """Show what an index holds, what made it, and its segments."""
    from medx.core.console import note, print_json, print_table
    from medx.core.words import file_size
    from retrieval.place import find_place
    from retrieval.store.info import describe_index

    about = describe_index(find_place(index, backend=backend, uri=uri))
    if json:
        print_json(about)
        return
    made_up = " (synthetic)" if about.synthetic else ""
    print_table(
        (
            ("images", f"{about.count}{made_up}"),
            ("splits", describe_splits(about.splits)),
            ("encoder", about.encoder),
            ("weights", about.encoder_weights or "in their usual place"),
            ("kind", describe_kind(about.kind, about.tuning)),
            ("size", file_size(about.megabytes * 1e6)),
            ("columns", ", ".join(about.columns)),
            ("created", about.created),
            ("changed", f"{about.changed} (state {about.generation})"),
        ),
        columns=("of the index", "value"),
        title=f"index {about.index} in {about.index_dir}",
    )
    print_table(
        ((o.name, o.split, o.limit, o.modality, ", ".join(o.classes), o.source)
         for o in about.origins),
        columns=("dataset", "split", "limit", "modality", "classes", "from"),
    )  # fmt: skip
    print_table(
        (
            (s.name, s.images, s.removed, s.kind, file_size(s.megabytes * 1e6))
            for s in about.segments
        ),
        columns=("segment", "images", "removed", "kind", "size"),
    )
    if about.advice:
        note(about.advice)
