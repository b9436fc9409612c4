"""``--queries FILE`` of the search commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.config import SearchConfig
    from retrieval.gallery import Gallery
    from retrieval.search.batch import BatchEntry, BatchSummary
    from retrieval.search.query import Query


def answer_file(
    open_gallery: Callable[[], Gallery],
    options: dict[str, Any],
    parse: Callable[[str], Query],
    config: SearchConfig,
) -> None:
    """Answer every query of a file; to stdout as JSON lines, or to ``--output`` with a summary."""
    from medx.core.errors import InputError
    from retrieval.search.batch_files import check_output
    from retrieval.search.query_files import read_queries

    output: Path | None = options["output"]
    if output is None and options["resume"]:
        raise InputError("--resume needs --output", hint="name the file that was to be written")
    if output is not None:
        check_output(output, resume=options["resume"])
    asked = read_queries(options["queries"])
    gallery = open_gallery()
    if output is None:
        from medx.core.console import print_line, warn
        from retrieval.search.batch import answer_queries

        failed = 0
        for entries in answer_queries(gallery, asked, parse, config):
            for entry in entries:
                print_line(entry.model_dump_json())
                failed += entry.error is not None
        if failed:
            warn(f"{failed} of {len(asked)} queries could not be answered: see their 'error'")
        return
    summary = _write(gallery, options, parse, config)
    _print(summary, json=options["json"])


def _write(
    gallery: Gallery,
    options: dict[str, Any],
    parse: Callable[[str], Query],
    config: SearchConfig,
) -> BatchSummary:
    from medx.core.console import progress_bar, told_on_interrupt
    from retrieval.search.batch import Journal, answer_queries, journal_key, summarise
    from retrieval.search.batch_files import write_entries
    from retrieval.search.query_files import read_queries

    output: Path = options["output"]
    asked = read_queries(options["queries"])
    key = journal_key(gallery, options["queries"], parse.__name__, config)
    journal = Journal.start(output.with_name(output.name + ".part"), key, resume=options["resume"])
    taken_over = len(journal.entries)
    left = [one for one in asked if one.number not in journal.entries]

    def kept() -> str:
        return (
            f"{len(journal.entries)} of {len(asked)} answers are kept in {journal.path}: "
            "the same command with --resume goes on"
        )

    with told_on_interrupt(kept), progress_bar("searching", len(asked)) as progress:
        progress.advance(progress.task_ids[0], taken_over)
        for entries in answer_queries(gallery, left, parse, config):
            journal.add(entries)
            progress.advance(progress.task_ids[0], len(entries))
    found: list[BatchEntry] = [journal.entries[one.number] for one in asked]
    write_entries(found, output)
    journal.path.unlink()
    return summarise(gallery, found, output, taken_over=taken_over)


def _print(summary: BatchSummary, *, json: bool) -> None:
    from medx.core.console import note, print_json, print_line, print_table
    from medx.core.words import many

    if json:
        print_json(summary)
        return
    made_up = "SYNTHETIC " if summary.synthetic else ""
    print_line(
        f"{summary.answered} of {many(summary.queries, 'query', 'queries')} answered among "
        f"{made_up}images of {summary.dataset} (encoder {summary.encoder}): {summary.output}"
    )
    if summary.taken_over:
        note(f"{many(summary.taken_over, 'answer')} taken over from before")
    if summary.failed:
        print_table(
            ((one.number, one.query, one.error) for one in summary.failed),
            columns=("line", "query", "why there is no answer"),
        )
