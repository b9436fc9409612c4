"""``medx report generate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import (
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    ResumeOption,
    SeedOption,
    SplitOption,
    given_options,
)
from medx.cli.report_options import (
    BaseUrlOption,
    ClassifierOption,
    EngineOption,
    ModelOption,
    SimilarOption,
    WeightsOption,
)
from medx.cli.report_settings import (
    check_resumed,
    check_usage,
    command_to_go_on,
    load_strategies,
    report_config,
)
from medx.cli.retrieve_options import BackendOption, UriOption
from medx.core.device import Device
from medx.core.words import many
from reportgen.config import ReportConfig
from reportgen.strategies import STRATEGIES

if TYPE_CHECKING:
    from medx.case.report_input import ReportInput

#: Names of images that a run's settings hold.
MOST_NAMES = 20


def generate(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Image files, folders of them and manifests to report on, instead of a "
            "dataset's images.",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            help=f"{', '.join(STRATEGIES)}, all, or a file of your own; may be repeated. "
            f"[default: {ReportConfig.strategies[0]}]",
            show_default=False,
        ),
    ] = None,
    num_samples: Annotated[
        int, typer.Option("--num-samples", min=1, help="How many images of the split.")
    ] = ReportConfig.num_samples,
    dataset: DatasetOption = ReportConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = ReportConfig.split,
    limit: LimitOption = ReportConfig.limit,
    seed: SeedOption = ReportConfig.seed,
    allow_unlike: Annotated[
        bool,
        typer.Option(
            "--allow-unlike",
            help="Report also on images unlike all that the classifier knows; reports say so.",
        ),
    ] = ReportConfig.allow_unlike,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write each report as PDF, too.")
    ] = ReportConfig.pdf,
    engine: EngineOption = ReportConfig.engine,
    model: ModelOption = ReportConfig.model,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            min=1,
            help="Tokens a report may take. [default: the strategy's]",
            show_default=False,
        ),
    ] = ReportConfig.max_new_tokens,
    free_text: Annotated[
        bool,
        typer.Option(
            "--free-text",
            help="Ask for text under headings instead of JSON.",
        ),
    ] = ReportConfig.free_text,
    weights: WeightsOption = None,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", min=1, help="Reports that a model on this machine writes at once."
        ),
    ] = ReportConfig.batch_size,
    quantise: Annotated[
        str | None,
        typer.Option(
            "--quantise",
            help="4bit compresses the weights of a model on this machine; needs a GPU.",
        ),
    ] = ReportConfig.quantise,
    base_url: BaseUrlOption = ReportConfig.base_url,
    concurrency: Annotated[
        int,
        typer.Option("--concurrency", min=1, help="Requests to a server at once."),
    ] = ReportConfig.concurrency,
    timeout: Annotated[
        float,
        typer.Option("--timeout", help="Seconds to wait for a server's report."),
    ] = ReportConfig.timeout,
    run: ClassifierOption = ReportConfig.run,
    index: SimilarOption = ReportConfig.index,
    backend: BackendOption = ReportConfig.backend,
    uri: UriOption = ReportConfig.uri,
    output: OutputOption = None,
    name: NameOption = None,
    resume: ResumeOption = False,
    device: DeviceOption = Device.auto,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Write reports on images of a dataset, or on IMAGES.

    With every strategy asked for.
    """
    from medx.case.report_input import find_inputs
    from medx.case.report_stream import NeighbourReader, sample_input, stream_items
    from medx.case.workbench import open_workbench
    from medx.cli.report_tables import print_reports
    from medx.core import runs
    from medx.core.console import print_json, told_on_interrupt
    from medx.datasets.catalog import default_dataset, load_dataset
    from reportgen.engines.choose import choose_engine
    from reportgen.exports.formats import EXPORTERS
    from reportgen.generate import generate_reports
    from retrieval.place import check_gallery

    given = given_options(context)
    check_usage(given)
    config = report_config(context, dataset=dataset or default_dataset(data_dir))
    strategies = load_strategies(config.strategies)
    if config.pdf:
        EXPORTERS.load("pdf")  # what is not installed is said before anything is computed
    check_gallery(config.index, backend=config.backend, uri=config.uri)
    chosen = choose_engine(config)
    known = load_dataset(str(config.dataset), data_dir=data_dir)
    inputs = find_inputs(images or [], known, limit=limit)
    config = replace(config, images=_names(inputs) if images else None)
    run_dir = runs.create_run_dir("report", "generate", name=name, output=output, resume=resume)
    check_resumed(run_dir, config)
    runs.save_config(run_dir, asdict(config))
    go_on = f"to go on: {command_to_go_on(context, run_dir)}"
    # Outside the log: the command holds paths, which may name patients.
    with told_on_interrupt(go_on), runs.logging_to(run_dir):
        bench = open_workbench(config, data_dir=data_dir, chosen=chosen)
        if not images:
            part = bench.dataset.split(split, limit=limit)
            exact = "num_samples" in given
            inputs = [sample_input(part, bench, num_samples, seed=seed, exact=exact)]
        result = generate_reports(
            stream_items(inputs, bench),
            strategies,
            chosen,
            run_dir,
            resume=resume,
            total=sum(map(len, inputs)),
            neighbours=NeighbourReader(bench),
        )
    print_json(result) if json else print_reports(result)


def _names(inputs: Sequence[ReportInput]) -> tuple[str, ...]:
    """Return what a run's settings call its images: never a path, which may name a patient."""
    names = [record.id for found in inputs for record in found.dataset.records]
    return tuple(names) if len(names) <= MOST_NAMES else (many(len(names), "image"),)
