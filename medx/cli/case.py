"""``medx case``: one image through classifier, archive and engine, in one folder."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.case.config import STRATEGY
from medx.cli.options import (
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    NameOption,
    OfflineOption,
    OutputOption,
)
from medx.cli.report_options import (
    BaseUrlOption,
    ClassifierOption,
    EngineOption,
    ModelOption,
    SimilarOption,
    WeightsOption,
)
from medx.cli.retrieve_options import BackendOption, UriOption
from medx.core.device import Device
from medx.core.errors import EngineError
from reportgen.config import ReportConfig
from reportgen.exports.formats import EXPORTERS
from reportgen.strategies import STRATEGIES

if TYPE_CHECKING:
    from medx.case.results import CaseResult

SUBSYSTEM, COMMAND = "case", "study"
WIDTH, INDENT = 100, 10


def case(
    image: Annotated[Path, typer.Argument(help="A file of one image: PNG, JPEG, DICOM, …")],
    dataset: DatasetOption = ReportConfig.dataset,
    data_dir: DataDirOption = None,
    run: ClassifierOption = ReportConfig.run,
    index: SimilarOption = ReportConfig.index,
    backend: BackendOption = ReportConfig.backend,
    uri: UriOption = ReportConfig.uri,
    strategy: Annotated[
        str, typer.Option("--strategy", help=f"{', '.join(STRATEGIES)} or a file of your own.")
    ] = STRATEGY,
    engine: EngineOption = ReportConfig.engine,
    model: ModelOption = ReportConfig.model,
    weights: WeightsOption = None,
    base_url: BaseUrlOption = ReportConfig.base_url,
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help=f"Export the report, too: {', '.join(EXPORTERS)}; may be repeated."
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Study one image: prediction, heat-map, similar cases, report.

    The report is checked against the others.
    """
    from medx.case.bundle import export_study, read_sources, save_study
    from medx.case.input import check_single
    from medx.case.results import NoReport
    from medx.case.workbench import open_workbench
    from medx.core import runs
    from medx.core.console import print_json, warn

    config = ReportConfig(
        dataset=dataset,
        run=run,
        index=index,
        backend=backend,
        uri=uri,
        strategies=(strategy,),
        engine=engine,
        model=model,
        weights=str(weights) if weights else None,
        base_url=base_url,
        device=device.value,
    )
    check_single(image)
    sources = read_sources(image, list(dict.fromkeys(format or [])))
    with (
        runs.new_run_dir(SUBSYSTEM, COMMAND, name=name, output=output) as folder,
        runs.logging_to(folder),
    ):
        study = open_workbench(config, data_dir=data_dir).study(image)
        runs.save_config(folder, vars(config))
        page = save_study(study, folder)
        exports = export_study(study, sources, folder) if study.result.report else []
        if sources and not exports:
            warn(f"not exported, for there is no report: {', '.join(sources)}")
    if json:
        print_json(study.result.model_copy(update={"run_dir": str(folder)}))
    else:
        _print_case(study.result)
        _print_files(page, [export.path for export in exports], study.result.disclaimer)
    withheld = study.result.withheld
    if withheld is not None and withheld.kind is NoReport.failed:
        raise EngineError(f"no report: {withheld.reason}", hint=withheld.hint)


def _print_case(result: CaseResult) -> None:
    from medx.case import words
    from medx.core.console import print_line

    prediction = result.prediction
    if result.is_mock:
        print_line("MOCK REPORT: written from the evidence alone; nothing looked at the image.")
    if result.synthetic:
        print_line("SYNTHETIC IMAGE: a program drew it; it shows no patient.")
    if result.synthetic_source:
        print_line("SYNTHETIC: classifier or archive were made of drawn images.")
    _print_row("classifier", words.call_line(prediction))
    _print_row("", f"{words.threshold_line(prediction)}; {words.set_line(prediction)}")
    _print_row("", words.likeness_line(prediction))
    _print_row("heat-map", words.heatmap_line(result.heatmap, result.heatmap_note))
    _print_row("similar", words.neighbours_line(result.neighbours))
    _print_row("impression", words.impression_line(result.report))
    if result.report:
        _print_row("agreement", words.agreement_line(result.agreement))
    for claim in result.contradictions:
        _print_row("", f"contradicted: {claim.finding}, {claim.status.value}: {claim.reason}")
    for warning in result.warnings:
        _print_row("warning", warning)


def _print_row(title: str, text: str) -> None:
    from medx.core.console import print_line

    indent = " " * (INDENT + 2)
    first = f"{title:<{INDENT}}  "
    print_line(textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=indent))


def _print_files(page: Path, exports: Sequence[str], disclaimer: str) -> None:
    from medx.core.console import print_line

    for path in exports:
        _print_row("export", path)
    _print_row("page", str(page))
    print_line(disclaimer)
