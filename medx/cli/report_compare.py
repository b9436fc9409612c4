"""``medx report compare``: strategies and engines side by side on the same images."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medx.cli.options import (
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    ResamplesOption,
    ResumeOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.cli.report_evaluate import (
    ColumnOption,
    LabelsOption,
    ReferencesOption,
    ScorerOption,
    ScorerTimeoutOption,
    WorstOption,
    as_settings,
)
from medx.cli.report_options import ClassifierOption, SimilarOption
from medx.cli.report_settings import (
    ALL,
    check_named,
    check_resumed,
    expand_strategies,
    load_strategies,
)
from medx.core.device import Device
from medx.core.errors import InputError
from reportgen.config import ReportConfig
from reportgen.engines import ENGINES
from reportgen.evaluation.config import EvaluateConfig
from reportgen.strategies import STRATEGIES

if TYPE_CHECKING:
    from medx.case.report_runs import WrittenRuns
    from reportgen.strategies.base import Strategy

#: What only writing reports needs.
WRITING = ("strategy", "engine", "num_samples", "split", "limit", "run", "index", "config",
           "assignments", "resume")  # fmt: skip


def compare(
    context: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders or names of finished runs; none: reports are written now.",
            metavar="[RUN]...",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            help=f"Ask every engine so: {', '.join(STRATEGIES)}, all, or a file; may be repeated. "
            "[default: all]",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            help=f"Write with this engine ({', '.join(ENGINES)}) or ENGINE=MODEL; may be repeated. "
            "[default: auto]",
            show_default=False,
        ),
    ] = None,
    num_samples: Annotated[
        int, typer.Option("--num-samples", min=1, help="How many images of the split.")
    ] = ReportConfig.num_samples,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    split: SplitOption = ReportConfig.split,
    limit: LimitOption = ReportConfig.limit,
    run: ClassifierOption = ReportConfig.run,
    index: SimilarOption = ReportConfig.index,
    labels: LabelsOption = None,
    references: ReferencesOption = None,
    column: ColumnOption = EvaluateConfig.column,
    scorers: ScorerOption = None,
    scorer_timeout: ScorerTimeoutOption = EvaluateConfig.scorer_timeout,
    worst: WorstOption = EvaluateConfig.worst,
    resamples: ResamplesOption = EvaluateConfig.resamples,
    seed: SeedOption = EvaluateConfig.seed,
    device: DeviceOption = Device.auto,
    name: NameOption = None,
    output: OutputOption = None,
    resume: ResumeOption = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Compare strategies and engines on the same images.

    Finished RUNs, or reports written now.

    --config and --set take the settings of `medx report generate` (base_url, weights, …).
    """
    from medx.cli.report_evaluation_tables import print_evaluation
    from medx.core.console import print_json
    from medx.core.runs import create_run_dir, logging_to
    from reportgen.evaluation.evaluate import evaluate_reports

    given = given_options(context)
    _check_usage(given)
    known = {key: given[key] for key in given if key not in ("runs", *WRITING)}
    settings = resolve_config(EvaluateConfig(shared=True), given=as_settings(known))
    writing = None if runs else _writing(given, config, assignments, data_dir)
    asked = load_strategies(writing.strategies) if writing else []
    run_dir = create_run_dir("report", "compare", name=name, output=output, resume=resume)
    notes: tuple[str, ...] = ()
    with logging_to(run_dir):
        if writing is not None:
            written = _write(writing, engine, asked, run_dir, given, data_dir)
            runs, notes = [str(folder) for folder in written.folders], written.notes
        settings = replace(settings, runs=tuple(runs or ()))
        result = evaluate_reports(settings, run_dir, data_dir=data_dir, notes=notes)
    print_json(result) if json else print_evaluation(result)


def _check_usage(given: dict[str, Any]) -> None:
    unused = sorted(given.keys() & set(WRITING))
    if given.get("runs") and unused:
        named = {"config": "--config", "assignments": "--set"}
        options = " and ".join(named.get(key, f"--{key.replace('_', '-')}") for key in unused)
        raise InputError(
            f"{options} cannot go with RUN: those reports are written",
            hint="name runs, or what is to be written",
        )
    check_named(given)


def _writing(
    given: dict[str, Any],
    config: Path | None,
    assignments: list[str] | None,
    data_dir: Path | None,
) -> ReportConfig:
    """Return the settings that reports are written with."""
    from medx.datasets.catalog import default_dataset

    known = {key: value for key, value in given.items() if key not in ("engine", "config")}
    wanted = resolve_config(
        ReportConfig(strategies=(ALL,)), given=known, config_file=config, assignments=assignments
    )
    return replace(
        wanted,
        dataset=wanted.dataset or default_dataset(data_dir),
        strategies=expand_strategies(given.get("strategy") or wanted.strategies),
    )


def _write(
    writing: ReportConfig,
    engines: list[str] | None,
    strategies: list[Strategy],
    run_dir: Path,
    given: dict[str, Any],
    data_dir: Path | None,
) -> WrittenRuns:
    from medx.case.report_runs import write_runs
    from medx.core.runs import save_config

    check_resumed(run_dir, writing)
    save_config(run_dir, asdict(writing))
    return write_runs(
        writing,
        engines or [writing.engine],
        strategies,
        run_dir / "runs",
        data_dir=data_dir,
        resume=bool(given.get("resume")),
        exact="num_samples" in given,
    )
