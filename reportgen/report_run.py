"""A run of reports on its way: what is asked of every image, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medx.core.console import warn
from medx.core.errors import EngineError, InputError, MedxError
from medx.core.files import write_json, write_text
from medx.core.words import many
from reportgen.agreement.guards import refuse
from reportgen.answering import make_report
from reportgen.engines.choose import ChosenEngine
from reportgen.item import ReportItem
from reportgen.page_views import Shown
from reportgen.plan import Job, find_answer, plan, report_path
from reportgen.render import write_pages
from reportgen.report import Report
from reportgen.report_files import SUMMARY
from reportgen.report_set import Failure, Refused, ReportRow, ReportSet, Skipped, row_of
from reportgen.run_pdfs import pdf_path, write_pdf
from reportgen.run_pictures import ReadNeighbour, save_pictures
from reportgen.strategies.base import Strategy


@dataclass(kw_only=True)
class ReportRun:
    """What is asked of every image of a run, and what came of it so far; no pixels, no texts."""

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
    hint: str | None = None
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
            self.dataset = self.dataset or item.evidence.dataset
            self.synthetic |= item.evidence.synthetic
            yield item

    def write(self, items: Sequence[ReportItem]) -> Iterator[str]:
        """Write the reports on some images, yielding the name of each as it is done."""
        jobs = [
            plan(item, s, self.chosen) for item in self._allowed(items) for s in self.strategies
        ]
        done: dict[int, ReportRow] = {}
        for i, job in enumerate(jobs):
            if kept := self._kept(job):
                done[i] = self._add(job, kept, resumed=True)
                yield job.name
        pending = [i for i in range(len(jobs)) if i not in done]
        again = {jobs[i].item.evidence.image_id for i in pending}
        for item in items:
            changed = item.evidence.image_id in again
            save_pictures(item, self.run_dir, again=changed, neighbours=self.neighbours)
            self.shown.append(Shown.of(item))
        if pending and not self.prepared:
            self.chosen.engine.prepare()
            self.prepared = True
        answers = self.chosen.engine.generate_all([jobs[i].request for i in pending])
        for position, answer in answers:
            i = pending[position]
            try:
                done[i] = self._add(jobs[i], make_report(jobs[i], answer, self.chosen))
            except MedxError as error:
                self._fail(jobs[i], error)
            yield jobs[i].name
        self.rows += [done[i] for i in sorted(done)]

    def finish(self) -> ReportSet:
        """Write the pages and return what came of it.

        Raises:
            MedxError: When there is not one report.
            ValueError: When there was nothing to report on.
        """
        if self.stale:
            answered = many(self.stale, "report answered", "reports answered")
            warn(f"{answered} another question: written again")
        if self.skipped:
            files = many(len(self.skipped), "unreadable file")
            warn(f"skipped {files}, first: {self.skipped[0].reason}")
        if self.refused:
            images = many(len(self.refused), "image")
            warn(f"no report on {images}, first: {self.refused[0].reason}")
        if not self.shown and not self.skipped:
            raise ValueError("items must not be empty")
        result = write_pages(self._result(), self.shown, self.run_dir)
        write_json(self.run_dir / SUMMARY, result.model_dump(exclude={"reports"}))
        if not self.rows:
            raise self._nothing()
        return result

    def _allowed(self, items: Sequence[ReportItem]) -> list[ReportItem]:
        """Return the images that may be reported on; the others are listed."""
        if self.chosen.engine.config.allow_unlike:
            return list(items)
        allowed = []
        for item in items:
            if reason := refuse(item.evidence):
                self.refused.append(Refused(image_id=item.evidence.image_id, reason=reason))
                for strategy in self.strategies:
                    self._remove(report_path(item, strategy))
            else:
                allowed.append(item)
        return allowed

    def _kept(self, job: Job) -> Report | None:
        if not self.resume:
            return None
        report, other = find_answer(job, self.run_dir)
        self.stale += other
        return report

    def _add(self, job: Job, report: Report, *, resumed: bool = False) -> ReportRow:
        """Write what is not on disk and return the report's line."""
        if not resumed:
            write_text(self.run_dir / job.path, report.model_dump_json(indent=2) + "\n")
        if self.chosen.engine.config.pdf:
            write_pdf(job.item, report, self.run_dir, job.path, again=not resumed)
        self.written += 1
        return row_of(report, job.path, resumed=resumed)

    def _fail(self, job: Job, error: MedxError) -> None:
        way_out = f" ({error.hint})" if error.hint else ""
        warn(f"no report for {job.name}: {error}{way_out}")
        self.hint = self.hint or error.hint
        image_id, strategy = job.item.evidence.image_id, job.strategy.name
        self.failures.append(Failure(image_id=image_id, strategy=strategy, reason=str(error)))
        self._remove(job.path)

    def _remove(self, path: str) -> None:
        """Remove an earlier report: it answered another question, or should not be."""
        for file in (path, pdf_path(path)):
            (self.run_dir / file).unlink(missing_ok=True)

    def _result(self) -> ReportSet:
        engine, rows = self.chosen.engine, self.rows
        return ReportSet(
            run_dir=str(self.run_dir),
            page="",
            pages=0,
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

    def _nothing(self) -> MedxError:
        if self.failures:
            first = self.failures[0].reason
            return EngineError(
                f"all {len(self.failures)} reports failed, first: {first}", hint=self.hint
            )
        if self.refused:
            return InputError(
                f"no report was written: {self.refused[0].reason}",
                hint="--allow-unlike reports all the same, and says so",
            )
        return InputError(
            f"no image could be read: {self.skipped[0].reason}", hint="check the files"
        )
