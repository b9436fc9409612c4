"""``medx retrieve remove``: images out of an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medx.cli.options import JsonOption
from medx.cli.retrieve_change_lines import print_change
from medx.cli.retrieve_options import BackendOption, IndexArgument, NoWaitOption, UriOption
from retrieval.config import GalleryConfig


def remove(
    index: IndexArgument,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Images to take out.")
    ] = None,
    ids_file: Annotated[
        Path | None, typer.Option("--ids-file", help="Text file with an id a line.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where", help="Take out all that fulfil this, such as \"label = 'normal'\"."
        ),
    ] = None,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="Take out those ids that are there.")
    ] = False,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    no_wait: NoWaitOption = False,
    json: JsonOption = False,
) -> None:
    """Take images out of an index.

    `update` brings back those its dataset still has.
    """
    from retrieval.place import find_place
    from retrieval.store.ids_file import read_ids
    from retrieval.store.remove import remove_images

    wanted = [*(ids or []), *(read_ids(ids_file) if ids_file else [])]
    place = find_place(index, backend=backend, uri=uri)
    result = remove_images(place, wanted, where=where, missing_ok=missing_ok, wait=not no_wait)
    print_change(result, json=json)
