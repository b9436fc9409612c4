"""Write the reports of a run, one file each, so that nothing done is ever lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from medx.core.console import progress_bar, warn
from medx.core.errors import EngineError, InputError, MedxError
from medx.core.files import write_json, write_text
from medx.core.runs import now
from medx.core.words import many
from reportgen.agreement.guards import check_text, cited_items
from reportgen.contract import read_answer
from reportgen.engines.base import Generation
from reportgen.engines.choose import ChosenEngine
from reportgen.item import ReportItem
from reportgen.page_views import Shown
from reportgen.plan import Job, find_answer, plan
from reportgen.render import write_pages
from reportgen.report import Report
from reportgen.report_files import remove_leftovers
from reportgen.report_set import Failure, Refused, ReportRow, ReportSet, Skipped, row_of
from reportgen.run_pictures import ReadNeighbour, save_pictures
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

    Items are taken as they are needed and forgotten when their reports are written. A report that
    fails is counted and listed. After Ctrl-C or a kill what was done stays on disk, and ``resume``
    keeps every report whose image, evidence, prompt, engine and settings are the same.

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
        ValueError: When there are no items or strategies, or two items share an id.
    """
    if not strategies:
        raise ValueError("strategies must not be empty")
    count = total if total is not None or not isinstance(items, Sized) else len(items)
    expected = None if count is None else count * len(strategies)
    run = _Run(
        strategies=strategies, chosen=chosen, run_dir=run_dir, resume=resume, neighbours=neighbours
    )
    if resume:
        remove_leftovers(run_dir)
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


@dataclass(kw_only=True)
class _Run:
    """What is asked of every image, and what came of it so far."""

    strategies: Sequence[Strategy]
    chosen: ChosenEngine
    run_dir: Path
    resume: bool
    neighbours: ReadNeighbour | None
    rows: list[ReportRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    dataset: str = ""
    synthetic: bool = False
    prepared: bool = False
    stale: int = 0
    written: int = 0

    def readable(self, items: Iterable[ReportItem | Skipped]) -> Iterator[ReportItem]:
        """Yield the images; what could not be read is listed."""
        seen = set()
        for item in items:
            if isinstance(item, Skipped):
                self.skipped.append(item)
                continue
            if item.evidence.image_id in seen:
                raise ValueError(f"ids must be unique, got {item.evidence.image_id} twice")
            seen.add(item.evidence.image_id)
            yield item

    def write(self, items: Sequence[ReportItem]) -> Iterator[str]:
        """Write the reports on some images, yielding the name of each as it is done."""
        jobs = [plan(item, s, self.chosen) for item in items for s in self.strategies]
        done: dict[int, ReportRow] = {}
        for i, job in enumerate(jobs):
            if report := self._kept(job):
                done[i] = self._add(job, report, resumed=True)
                yield job.name
        for n, item in enumerate(items):
            here = range(n * len(self.strategies), (n + 1) * len(self.strategies))
            again = not all(i in done for i in here)
            save_pictures(item, self.run_dir, again=again, neighbours=self.neighbours)
            self.shown.append(Shown.of(item))
            self.dataset = self.dataset or item.evidence.dataset
            self.synthetic |= item.evidence.synthetic
        pending = [i for i in range(len(jobs)) if i not in done]
        if pending and not self.prepared:
            self.chosen.engine.prepare()
            self.prepared = True
        answers = self.chosen.engine.generate_all([jobs[i].request for i in pending])
        for position, answer in answers:
            job = jobs[pending[position]]
            try:
                done[pending[position]] = self._add(job, self._report(job, answer), resumed=False)
            except MedxError as error:
                self._fail(job, error)
            yield job.name
        self.rows += [done[i] for i in sorted(done)]

    def finish(self) -> ReportSet:
        """Write the pages and return what came of it."""
        if self.stale:
            answer = many(self.stale, "report answered", "reports answered")
            warn(f"{answer} another question: written again")
        if not self.shown and not self.skipped:
            raise ValueError("items must not be empty")
        engine, rows = self.chosen.engine, self.rows
        result = ReportSet(
            run_dir=str(self.run_dir),
            page=str(self.run_dir / "reports.html"),
            pages=1,
            dataset=self.dataset,
            engine=engine.name,
            engine_reason=self.chosen.reason,
            is_mock=engine.is_mock,
            model=engine.model,
            model_revision=engine.revision,
            synthetic=self.synthetic,
            strategies=[strategy.name for strategy in self.strategies],
            images=len(self.shown),
            contract_met=sum(row.contract_met for row in rows),
            contradicting=sum(bool(row.contradictions) for row in rows),
            unsupported=sum(bool(row.unsupported) for row in rows),
            warned=sum(bool(row.warnings) for row in rows),
            resumed=sum(row.resumed for row in rows),
            skipped=self.skipped,
            refused=self.refused,
            failures=self.failures,
            reports=rows,
        )
        result = write_pages(result, self.shown, self.run_dir)
        write_json(self.run_dir / "metrics.json", result.model_dump(exclude={"reports"}))
        self._check_any()
        return result

    def _kept(self, job: Job) -> Report | None:
        if not self.resume:
            return None
        report, other = find_answer(job, self.run_dir)
        self.stale += other
        return report

    def _add(self, job: Job, report: Report, *, resumed: bool) -> ReportRow:
        self.written += 1
        return row_of(report, job.path, resumed=resumed)

    def _fail(self, job: Job, error: MedxError) -> None:
        warn(f"no report for {job.name}: {error}")
        image_id = job.item.evidence.image_id
        self.failures.append(
            Failure(image_id=image_id, strategy=job.strategy.name, reason=str(error))
        )

    def _report(self, job: Job, answer: Generation | MedxError) -> Report:
        """Read an answer and write its file."""
        if isinstance(answer, MedxError):
            raise answer
        evidence = job.item.evidence
        read = read_answer(answer.text, job.strategy, evidence, schema=job.request.schema)
        report = Report.model_validate(
            {
                **job.question,
                "engine_reason": self.chosen.reason,
                "raw": answer.text,
                "text": read.text,
                "schema_valid": read.schema_valid,
                "repaired": read.repaired,
                "sections": read.sections,
                "contract_met": not read.missing,
                "missing": read.missing,
                "cited": cited_items(read.text),
                "warnings": check_text(read.text, evidence, cut_off=answer.cut_off),
                "seconds": round(answer.seconds, 3),
                "prompt_tokens": answer.prompt_tokens,
                "tokens": answer.tokens,
                "medx_version": version("medx"),
                "created": now(),
            }
        )
        write_text(self.run_dir / job.path, report.model_dump_json(indent=2) + "\n")
        return report

    def _check_any(self) -> None:
        if self.rows:
            return
        if self.failures:
            first = self.failures[0].reason
            raise EngineError(f"all {len(self.failures)} reports failed, first: {first}")
        if self.refused:
            raise InputError(
                f"no report: {self.refused[0].reason}",
                hint="--allow-unlike reports all the same, and says so",
            )
        raise InputError(f"no readable image, first: {self.skipped[0].reason}")


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
