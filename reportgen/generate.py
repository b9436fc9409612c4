"""Write the reports of a run, one file each, so that nothing done is ever lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path

from medx.core.console import progress_bar, warn
from reportgen.engines.choose import ChosenEngine
from reportgen.item import ReportItem
from reportgen.report_files import begin_writing
from reportgen.report_run import ReportRun
from reportgen.report_set import ReportSet, Skipped
from reportgen.run_pictures import ReadNeighbour
from reportgen.strategies.base import Strategy

#: Reports and pixels in memory at a time.
MOST_REPORTS, MOST_BYTES = 128, 256 << 20


def generate_reports(
    items: Iterable[ReportItem | Skipped],
    strategies: Sequence[Strategy],
    chosen: ChosenEngine,
    run_dir: Path,
    *,
    resume: bool = False,
    total: int | None = None,
    neighbours: ReadNeighbour | None = None,
) -> ReportSet:
    """Report on every item with every strategy; write JSON files and pages for reading.

    Items are taken as they are needed and forgotten when their reports are written. Images that no
    report may be written on, and reports that fail, are listed. After Ctrl-C or a kill what was
    done stays on disk, and ``resume`` keeps every report whose image, evidence, prompt, engine and
    settings are the same.

    Args:
        items: Images, and files that could not be read.
        strategies: What is asked of each.
        chosen: What answers; its settings say what else is written.
        run_dir: Gets ``reports/``, ``images/``, ``metrics.json`` and the pages.
        resume: Keep what an earlier run of the same folder has done.
        total: How many items there are, for the progress bar, where ``items`` cannot tell.
        neighbours: Reads similar cases for the pages.

    Raises:
        EngineError: When every report failed.
        InputError: When no image could be read, or none may be reported on.
        ValueError: When there are no items or strategies, or two share an id or a name.
    """
    if not strategies:
        raise ValueError("strategies must not be empty")
    names = [strategy.name for strategy in strategies]
    for name in names:
        if names.count(name) > 1:  # their files would have one name
            raise ValueError(f"strategies must differ in name, two are called {name!r}")
    begin_writing(run_dir)
    run = ReportRun(
        strategies=strategies, chosen=chosen, run_dir=run_dir, resume=resume, neighbours=neighbours
    )
    if total is None and isinstance(items, Sized):
        total = len(items)
    expected = None if total is None else total * len(strategies)
    try:
        with progress_bar("writing reports", expected) as progress:
            for chunk in _chunks(run.readable(items), len(strategies)):
                for name in run.write(chunk):
                    progress.update(progress.task_ids[0], advance=1, status=name)
    except KeyboardInterrupt:
        of = "" if expected is None else f" of {expected}"
        warn(f"interrupted: {run.written}{of} reports are in {run_dir}; --resume goes on")
        raise
    return run.finish()


def _chunks(items: Iterable[ReportItem], reports_each: int) -> Iterator[list[ReportItem]]:
    chunk: list[ReportItem] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += item.pixels.nbytes
        if len(chunk) * reports_each >= MOST_REPORTS or size >= MOST_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
