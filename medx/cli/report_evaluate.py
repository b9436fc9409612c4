"""``medx report evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medx.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    NameOption,
    OutputOption,
    ResamplesOption,
    SeedOption,
    SetOption,
    given_options,
    resolve_config,
)
from reportgen.evaluation.config import EvaluateConfig

EvaluatedDatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="Where labels and reference reports come from. [default: that of the runs]",
        show_default=False,
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help="CSV or XLSX file with id and label, instead of the dataset's."),
]
ReferencesOption = Annotated[
    Path | None,
    typer.Option(
        "--references",
        help="CSV or XLSX file with id and text, or a folder of <id>.txt, instead of the "
        "dataset's reports.",
    ),
]
ColumnOption = Annotated[
    str | None,
    typer.Option(
        "--column",
        help="Column of the manifest with the reference reports. [default: report, else text]",
        show_default=False,
    ),
]
ScorerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scorer",
        help="An external measure as NAME=COMMAND; it reads JSON lines with reference and "
        "candidate and writes a JSON number, or object of numbers, a line. May be repeated.",
    ),
]
ScorerTimeoutOption = Annotated[
    float, typer.Option("--scorer-timeout", help="Seconds that an external measure may take.")
]
WorstOption = Annotated[
    int, typer.Option("--worst", min=0, help="Most images to show on the page.")
]


def evaluate(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(help="Folders or names of `medx report generate` runs.", metavar="RUN..."),
    ],
    dataset: EvaluatedDatasetOption = EvaluateConfig.dataset,
    data_dir: DataDirOption = None,
    labels: LabelsOption = None,
    references: ReferencesOption = None,
    column: ColumnOption = EvaluateConfig.column,
    scorers: ScorerOption = None,
    scorer_timeout: ScorerTimeoutOption = EvaluateConfig.scorer_timeout,
    worst: WorstOption = EvaluateConfig.worst,
    resamples: ResamplesOption = EvaluateConfig.resamples,
    seed: SeedOption = EvaluateConfig.seed,
    name: NameOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Measure finished reports: labels, findings, form, flips.

    Constant and shuffled reports stand beside them.
    """
    from medx.cli.report_evaluation_tables import print_evaluation
    from medx.core.console import print_json
    from medx.core.runs import logging_to, new_run_dir
    from reportgen.evaluation.evaluate import evaluate_reports

    settings = resolve_config(
        EvaluateConfig(),
        given=as_settings(given_options(context)),
        config_file=config,
        assignments=assignments,
    )
    with (
        new_run_dir("report", "evaluate", name=name, output=output) as run_dir,
        logging_to(run_dir),
    ):
        result = evaluate_reports(settings, run_dir, data_dir=data_dir)
    print_json(result) if json else print_evaluation(result)


def as_settings(given: dict[str, object]) -> dict[str, object]:
    """Return options as a config holds them: paths as words, lists as tuples."""
    plain: dict[str, object] = {}
    for name, value in given.items():
        words = tuple(value) if isinstance(value, list) else value
        plain[name] = str(words) if isinstance(words, Path) else words
    return plain
