"""``medx report generate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from medx.core.device import Device
from medx.core.errors import InputError
from medx.core.words import many
from reportgen.config import ReportConfig
from reportgen.engines import ENGINES
from reportgen.strategies import STRATEGIES

if TYPE_CHECKING:
    from reportgen.report_set import ReportSet

ALL = "all"
_STRATEGY_HELP = (
    f"{', '.join(STRATEGIES)} or all; may be repeated. [default: {ReportConfig.strategies[0]}]"
)
_ENGINE_HELP = f"auto, {' or '.join(ENGINES)}. auto takes MedGemma when its weights are at hand."
_MODEL_HELP = "Hub id or local folder of a MedGemma. [default: whichever is at hand]"


def generate(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Image files to report on, instead of a dataset's.", show_default=False
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option("--strategy", help=_STRATEGY_HELP, show_default=False)
    ] = None,
    num_samples: Annotated[
        int, typer.Option("--num-samples", min=1, help="How many images of the split.")
    ] = ReportConfig.num_samples,
    engine: Annotated[str, typer.Option("--engine", help=_ENGINE_HELP)] = ReportConfig.engine,
    model: Annotated[
        str | None, typer.Option("--model", help=_MODEL_HELP, show_default=False)
    ] = ReportConfig.model,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Local folder with the weights of --model.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option("--max-new-tokens", min=1, help="Tokens a report may take.")
    ] = ReportConfig.max_new_tokens,
    dataset: DatasetOption = ReportConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = ReportConfig.split,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Training run of the classifier. [default: the latest]"),
    ] = None,
    index: Annotated[
        str | None, typer.Option("--index", help="Index of neighbours. [default: the dataset's]")
    ] = None,
    output: OutputOption = None,
    name: NameOption = None,
    resume: ResumeOption = False,
    seed: SeedOption = ReportConfig.seed,
    limit: LimitOption = ReportConfig.limit,
    device: DeviceOption = Device.auto,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Write reports on images of a dataset, or on IMAGES, with every strategy asked for."""
    from medx.case.evidence import report_items
    from medx.case.heatmaps import add_heatmaps
    from medx.case.neighbours import add_neighbours
    from medx.case.predicting import choose_cases, predict_cases
    from medx.core import runs
    from medx.core.console import print_json
    from medx.datasets.catalog import default_dataset
    from reportgen.engines.choose import choose_engine
    from reportgen.generate import generate_reports
    from retrieval.config import GalleryConfig
    from retrieval.gallery import open_gallery

    given = given_options(context)
    _check_usage(given)
    config = ReportConfig(
        dataset=dataset or default_dataset(data_dir),
        split=split,
        limit=limit,
        strategies=_expand(strategy or ReportConfig.strategies),
        num_samples=num_samples,
        engine=engine,
        model=model,
        weights=str(weights) if weights else None,
        device=device.value,
        seed=seed,
        max_new_tokens=max_new_tokens,
        run=str(run) if run else None,
        index=index,
        images=tuple(path.name for path in images) if images else None,
    )
    chosen = choose_engine(config)
    run_dir = runs.create_run_dir("report", "generate", name=name, output=output, resume=resume)
    _check_resumed(run_dir, config)
    with runs.logging_to(run_dir):
        cases = predict_cases(
            str(config.dataset), split=split, data_dir=data_dir, run_dir=run,
            device=config.device, limit=limit, paths=_image_files(images or []),
        )  # fmt: skip
        if not images:
            count = _count(len(cases), config.num_samples, exact="num_samples" in given)
            cases = choose_cases(cases, count, seed=seed)
        gallery = open_gallery(
            GalleryConfig(
                index=index, dataset=config.dataset, data_dir=data_dir, device=config.device
            )
        )
        items = report_items(add_neighbours(add_heatmaps(cases, device=config.device), gallery))
        runs.save_config(run_dir, asdict(config))
        strategies = [STRATEGIES.load(name) for name in config.strategies]
        result = generate_reports(items, strategies, chosen, run_dir, resume=resume)
    print_json(result) if json else _print_reports(result)


def _check_usage(given: Mapping[str, Any]) -> None:
    if given.get("resume") and not given.keys() & {"name", "output"}:
        raise InputError("--resume needs the --name or --output of the run to continue")
    unused = sorted(given.keys() & {"num_samples", "split"})
    if given.get("images") and unused:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in unused)
        raise InputError(f"{names} cannot go with IMAGES: every file is reported on")


def _check_resumed(run_dir: Path, config: ReportConfig) -> None:
    """Refuse to go on with other images than those the run was started with."""
    from medx.core.runs import load_config

    if not (run_dir / "config.yaml").is_file():
        return
    before, after = load_config(run_dir), asdict(config)
    for name in ("dataset", "split", "limit", "num_samples", "seed"):
        if name in before and before[name] != after[name]:
            option = f"--{name.replace('_', '-')}"
            way = f"leave out {option}" if before[name] is None else f"pass {option} {before[name]}"
            raise InputError(
                f"{run_dir} was started with {name} {before[name]}, not {after[name]}",
                hint=f"{way}, or choose another --name",
            )


def _expand(names: Sequence[str]) -> tuple[str, ...]:
    wanted = [known for name in names for known in (STRATEGIES if name == ALL else [name])]
    for name in wanted:
        STRATEGIES.entry(name)
    return tuple(dict.fromkeys(wanted))


def _image_files(paths: Sequence[Path]) -> list[Path]:
    from medx.core.images import list_images

    return [file for path in paths for file in (list_images(path) if path.is_dir() else [path])]


def _count(available: int, wanted: int, *, exact: bool) -> int:
    from medx.core.console import note

    if exact or wanted <= available:
        return wanted
    note(f"there are only {available} images: reporting on all of them")
    return available


def _print_reports(result: ReportSet) -> None:
    from medx.core.console import print_line, print_table

    if result.is_mock:
        print_line("MOCK REPORTS: written from the evidence alone; nothing looked at the images.")
    print_table(
        (
            (
                row.image_id,
                row.strategy,
                row.impression or "not in the form asked for",
                row.contradictions,
                row.unsupported,
                row.warnings,
            )
            for row in result.reports
        ),
        columns=("image", "strategy", "impression", "contradicted", "unsupported", "warnings"),
    )
    if result.failures:
        print_line(
            f"{many(len(result.failures), 'report')} failed; see {result.run_dir}/metrics.json"
        )
    print_line(f"{many(len(result.reports), 'report')} by {result.engine}: {result.page}")
    print_line(result.disclaimer)
