"""``medx retrieve merge``: several indexes become one."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import JsonOption
from medx.cli.retrieve_change_lines import print_change
from medx.cli.retrieve_options import NoWaitOption


def merge(
    indexes: Annotated[
        list[str], typer.Argument(metavar="INDEX...", help="Names or folders of indexes.")
    ],
    into: Annotated[
        str, typer.Option("--into", help="Index that takes them in; made when it is not there.")
    ],
    no_wait: NoWaitOption = False,
    json: JsonOption = False,
) -> None:
    """Bring the images of indexes into one, without embedding them again."""
    from retrieval.index.locate import find_index_dir, new_index_dir
    from retrieval.store.merge import merge_indexes

    sources = [find_index_dir(name) for name in indexes]
    result = merge_indexes(sources, new_index_dir(into), wait=not no_wait)
    print_change(result, json=json)
