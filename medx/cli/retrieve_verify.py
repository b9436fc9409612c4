"""``medx retrieve verify``: are the files of an index whole?"""

from __future__ import annotations

from medx.cli.options import JsonOption
from medx.cli.retrieve_options import IndexArgument


def verify(index: IndexArgument, json: JsonOption = False) -> None:
    """Check every file of an index against its checksum, and what it holds."""
    from medx.core.console import note, print_json, print_line, print_table
    from medx.core.errors import InputError
    from medx.core.words import many
    from retrieval.index.description import load_description
    from retrieval.index.locate import find_index_dir
    from retrieval.store.verify import verify_index

    folder = find_index_dir(index)
    result = verify_index(folder)
    if json:
        print_json(result)
    elif result.ok:
        print_line(
            f"index {result.index}: {many(result.count, 'image')} in {many(result.files, 'file')} "
            f"of {result.megabytes:.1f} MB, all as written"
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
            hint=f"build it again: {load_description(folder).build_command()}",
        )
