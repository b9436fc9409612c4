"""``medx classify compare``: train runs side by side on the same images."""

from __future__ import annotations

from typing import Annotated

import typer

from classify.config import CompareConfig
from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DeviceOption,
    JsonOption,
    LabelMapOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    ResamplesOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device


def compare(
    context: typer.Context,
    runs: Annotated[
        list[str], typer.Argument(help="Folders or names of train runs.", metavar="RUN...")
    ],
    datasets: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            help="Name or folder; may be repeated. [default: what the first run was trained on]",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    split: SplitOption = CompareConfig.split,
    label_map: LabelMapOption = CompareConfig.label_map,
    limit: LimitOption = CompareConfig.limit,
    batch_size: BatchSizeOption = CompareConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = CompareConfig.seed,
    resamples: ResamplesOption = CompareConfig.resamples,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Put runs and datasets side by side, with paired tests.

    One table, and what is lost from val on.
    """
    from classify.evaluation.compare import compare_runs
    from medx.cli.evaluation_tables import print_comparison
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir

    settings = resolve_config(
        CompareConfig(), given=given_options(context), config_file=config, assignments=assignments
    )
    with new_run_dir("classify", "compare", name=name, output=output) as run_dir:
        result = compare_runs(settings, run_dir, data_dir=data_dir)
    print_json(result) if json else print_comparison(result)
