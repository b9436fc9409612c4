"""Write the reports of a run, one file each, so that nothing done is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from medx.core.console import progress_bar, warn
from medx.core.errors import EngineError
from medx.core.files import write_json, write_text
from medx.core.runs import now
from medx.core.words import many
from reportgen.agreement.guards import check_text, cited_items
from reportgen.engines.base import Generation, GenerationRequest
from reportgen.engines.choose import ChosenEngine
from reportgen.item import ReportItem
from reportgen.prompt import Prompt, render_prompt
from reportgen.render import render_page
from reportgen.report import GenerationSettings, Report
from reportgen.report_set import Failure, ReportSet
from reportgen.sections import parse_sections
from reportgen.strategies.base import Strategy


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    item: ReportItem
    strategy: Strategy
    request: GenerationRequest
    draft: dict[str, object]
    path: Path


def generate_reports(
    items: Sequence[ReportItem],
    strategies: Sequence[Strategy],
    chosen: ChosenEngine,
    run_dir: Path,
    *,
    resume: bool = False,
) -> ReportSet:
    """Report on every item with every strategy; write JSON files and one Markdown page.

    A report that fails is counted and listed. After Ctrl-C what was done stays on disk, and
    ``resume`` keeps every report whose image, evidence, prompt, engine and settings are the same.

    Raises:
        EngineError: When every report failed.
        ValueError: When there are no items or strategies, or two items share an id.
    """
    ids = [item.evidence.image_id for item in items]
    if not items or not strategies or len(set(ids)) < len(ids):
        raise ValueError("items and strategies must not be empty, and ids must be unique")
    jobs = [_plan(item, s, chosen, run_dir) for item in items for s in strategies]
    done = _resume(jobs) if resume else {}
    resumed = len(done)
    if resumed < len(jobs):
        chosen.engine.prepare()
    failures = _write_all(jobs, done, chosen, run_dir)
    page = run_dir / "reports.md"
    result = ReportSet(
        run_dir=str(run_dir),
        page=str(page),
        dataset=items[0].evidence.dataset,
        engine=chosen.engine.name,
        engine_reason=chosen.reason,
        is_mock=chosen.engine.is_mock,
        model=chosen.engine.model,
        model_revision=chosen.engine.revision,
        synthetic=any(item.evidence.synthetic for item in items),
        strategies=[strategy.name for strategy in strategies],
        images=len(items),
        contract_met=sum(report.contract_met for report in done.values()),
        resumed=resumed,
        failures=failures,
        reports=[done[i] for i in sorted(done)],
    )
    write_text(page, render_page(result, items, run_dir))
    write_json(run_dir / "metrics.json", result.model_dump(exclude={"reports"}))
    if not done:
        raise EngineError(f"all {len(jobs)} reports failed, first: {failures[0].reason}")
    return result


def _write_all(
    jobs: Sequence[_Job], done: dict[int, Report], chosen: ChosenEngine, run_dir: Path
) -> list[Failure]:
    """Fill ``done`` by position in ``jobs`` and return what failed."""
    failures = []
    try:
        with progress_bar("writing reports", len(jobs)) as progress:
            progress.advance(progress.task_ids[0], len(done))
            pending = [i for i in range(len(jobs)) if i not in done]
            answers = chosen.engine.generate_all([jobs[i].request for i in pending])
            for position, answer in answers:
                i = pending[position]
                evidence, strategy = jobs[i].item.evidence, jobs[i].strategy
                name = f"{evidence.image_id} {strategy.name}"
                progress.update(progress.task_ids[0], status=name)
                if isinstance(answer, Generation):
                    done[i] = _write(jobs[i], answer, chosen)
                else:
                    warn(f"no report for {name}: {answer}")
                    failures.append(
                        Failure(
                            image_id=evidence.image_id, strategy=strategy.name, reason=str(answer)
                        )
                    )
                progress.advance(progress.task_ids[0])
    except KeyboardInterrupt:
        warn(f"interrupted: {len(done)} of {len(jobs)} reports are in {run_dir}; --resume goes on")
        raise
    return failures


def _plan(item: ReportItem, strategy: Strategy, chosen: ChosenEngine, run_dir: Path) -> _Job:
    engine, evidence = chosen.engine, item.evidence
    prompt = render_prompt(strategy, evidence)
    if not engine.takes_system_prompt:
        prompt = Prompt(system="", text=prompt.text)
    budget = engine.token_budget(strategy)
    return _Job(
        item=item,
        strategy=strategy,
        request=GenerationRequest(
            prompt=prompt,
            pixels=item.pixels,
            evidence=evidence,
            strategy=strategy,
            max_new_tokens=budget,
        ),
        draft={
            "image_id": evidence.image_id,
            "image_sha256": item.sha256,
            "strategy": strategy.name,
            "strategy_version": strategy.version,
            "engine": engine.name,
            "is_mock": engine.is_mock,
            "model": engine.model,
            "model_revision": engine.revision,
            "system_prompt": prompt.system,
            "prompt": prompt.text,
            "prompt_sha256": prompt.sha256,
            "settings": GenerationSettings(
                max_new_tokens=budget, seed=engine.config.seed, device=engine.config.device
            ),
            "evidence": evidence,
            "items": evidence.items(),
            "synthetic": evidence.synthetic,
        },
        path=run_dir / "reports" / f"{item.file_stem}--{strategy.name}.json",
    )


def _write(job: _Job, generation: Generation, chosen: ChosenEngine) -> Report:
    parsed = parse_sections(generation.text, job.strategy.sections)
    report = Report.model_validate(
        {
            **job.draft,
            "engine_reason": chosen.reason,
            "raw": generation.text,
            "text": generation.text,
            "schema_valid": None,
            "sections": parsed.sections,
            "contract_met": not parsed.missing,
            "missing": parsed.missing,
            "cited": cited_items(generation.text),
            "warnings": check_text(generation.text, job.item.evidence, cut_off=generation.cut_off),
            "seconds": round(generation.seconds, 3),
            "prompt_tokens": generation.prompt_tokens,
            "tokens": generation.tokens,
            "created": now(),
        }
    )
    write_text(job.path, report.model_dump_json(indent=2) + "\n")
    return report


def _resume(jobs: Sequence[_Job]) -> dict[int, Report]:
    """Return, by position, the reports of an earlier run that answer the very same questions."""
    found = {i: report for i, job in enumerate(jobs) if (report := _read_report(job))}
    done = {i: report for i, report in found.items() if _answers(report, jobs[i])}
    stale = [jobs[i].path.name for i in found if i not in done]
    if stale:
        answer = many(len(stale), "report answers", "reports answer")
        warn(f"{answer} another question (first: {stale[0]}): writing again")
    return done


def _read_report(job: _Job) -> Report | None:
    try:
        report = Report.model_validate_json(job.path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError):
        warn(f"{job.path.name} is damaged: writing that report again")
        return None
    return report


def _answers(report: Report, job: _Job) -> bool:
    return all(getattr(report, name) == value for name, value in job.draft.items())
