"""``medx retrieve verify``: are the files of an index whole?"""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import JsonOption
from medx.cli.retrieve_options import BackendOption, IndexArgument, UriOption
from retrieval.config import GalleryConfig


def verify(
    index: IndexArgument,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    break_lock: Annotated[
        bool,
        typer.Option(
            "--break-lock",
            help="First free a gallery of a Milvus that a process elsewhere died changing.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check every file of an index against its checksum.

    What the files hold is checked as well.
    """
    from medx.core.console import note, print_json, print_line, print_table
    from medx.core.errors import InputError
    from medx.core.words import file_size, many
    from retrieval.place import find_place, load_description_at
    from retrieval.store.verify import free_index, verify_index

    place = find_place(index, backend=backend, uri=uri)
    if break_lock:
        free_index(place)
    result = verify_index(place)
    where = many(result.files, "file") if result.files else "vectors"
    if json:
        print_json(result)
    elif result.ok:
        print_line(
            f"index {result.index}: {many(result.count, 'image')} in {where} "
            f"of {file_size(result.megabytes * 1e6)}, all as written"
        )
    else:
        print_table(((p.file, p.what) for p in result.problems), columns=("file", "problem"))
    if result.unnamed:
        note(
            f"{many(len(result.unnamed), 'file')} left by a change that was cut short, or of one "
            "under way: the next change removes what is left"
        )
    if not result.ok:
        raise InputError(
            f"index {result.index} has {many(len(result.problems), 'problem')}, first: "
            f"{result.problems[0].file}: {result.problems[0].what}",
            hint=f"build it again: {load_description_at(place).build_command()}",
        )
