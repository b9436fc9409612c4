"""``medx retrieve merge``: several indexes become one."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import JsonOption
from medx.cli.retrieve_change_lines import print_change
from medx.cli.retrieve_options import BackendOption, NoWaitOption, UriOption
from retrieval.config import GalleryConfig


def merge(
    indexes: Annotated[
        list[str], typer.Argument(metavar="INDEX...", help="Names or folders of indexes.")
    ],
    into: Annotated[
        str, typer.Option("--into", help="Index that takes them in; made when it is not there.")
    ],
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    no_wait: NoWaitOption = False,
    json: JsonOption = False,
) -> None:
    """Bring the images of indexes into one.

    None is embedded again.
    """
    from retrieval.place import find_place, new_place
    from retrieval.store.merge import merge_indexes

    sources = [find_place(name, backend=backend, uri=uri) for name in indexes]
    target = new_place(into, backend=backend, uri=uri)
    result = merge_indexes(sources, target, wait=not no_wait)
    print_change(result, json=json)
