"""``medx retrieve compact``: an index becomes one segment."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import JsonOption
from medx.cli.retrieve_options import (
    BackendOption,
    IndexArgument,
    MemoryOption,
    NoWaitOption,
    UriOption,
)
from medx.cli.retrieve_tables import describe_kind
from retrieval.config import GalleryConfig
from retrieval.index.kinds import KINDS


def compact(
    index: IndexArgument,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help=f"auto, {', '.join(KINDS)}. [default: what the index was built with]",
            autocompletion=lambda: ["auto", *KINDS],
            show_default=False,
        ),
    ] = None,
    memory: MemoryOption = None,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    no_wait: NoWaitOption = False,
    json: JsonOption = False,
) -> None:
    """Rewrite an index into one segment of a kind.

    The room of removed images is given back.
    """
    from medx.core.console import print_json, print_line
    from medx.core.words import file_size, many
    from retrieval.index.kinds import memory_bytes
    from retrieval.place import find_place
    from retrieval.store.compact import compact_index

    result = compact_index(
        find_place(index, backend=backend, uri=uri),
        kind=kind,
        memory_bytes=memory_bytes(memory) if memory else None,
        wait=not no_wait,
    )
    if json:
        print_json(result)
        return
    print_line(
        f"index {result.index}: {many(result.count, 'image')} in "
        f"{many(result.segments, 'segment')} ({result.segments_before} before), "
        f"{many(result.dropped, 'removed vector')} dropped, "
        f"{file_size(result.megabytes_before * 1e6)} -> {file_size(result.megabytes * 1e6)}"
    )
    print_line(f"kind {describe_kind(result.kind, result.tuning)}")
