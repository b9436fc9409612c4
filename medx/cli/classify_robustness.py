"""``medx classify robustness``: what is left of the figures when images are spoilt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from classify.robustness.config import RobustnessConfig
from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    RunOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device

if TYPE_CHECKING:
    from classify.robustness.results import Robustness


def robustness(
    context: typer.Context,
    run: RunOption = RobustnessConfig.run,
    dataset: DatasetOption = RobustnessConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = RobustnessConfig.split,
    limit: LimitOption = RobustnessConfig.limit,
    batch_size: BatchSizeOption = RobustnessConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = RobustnessConfig.seed,
    resamples: Annotated[
        int, typer.Option(min=1, help="Bootstrap samples of the 95 % intervals.")
    ] = RobustnessConfig.resamples,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Measure a classifier on spoilt images: blur, noise and more.

    Contrast, JPEG and rotation are among them.
    """
    from classify.robustness.measure import measure_robustness
    from classify.runs import choose_run
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir
    from medx.datasets.catalog import load_dataset

    settings = resolve_config(
        RobustnessConfig(),
        given=given_options(context),
        config_file=config,
        assignments=assignments,
    )
    train_dir, chosen = choose_run(settings.run, settings.dataset, data_dir)
    settings = replace(settings, run=str(train_dir), dataset=chosen)
    with new_run_dir("classify", "robustness", name=name, output=output) as run_dir:
        images = load_dataset(chosen, data_dir=data_dir)
        result = measure_robustness(train_dir, images, settings, run_dir)
    print_json(result) if json else _print(result)


def _print(result: Robustness) -> None:
    from medx.core.console import print_line, print_table

    made_up = " (synthetic)" if result.synthetic else ""
    print_line(
        f"{result.classifier} on {result.dataset}{made_up}, {result.split}, n = {result.n}, "
        f"spoilt at {result.size} px"
    )
    print_table(
        (
            (
                row.name,
                *(figures["balanced_accuracy"] for figures in row.by_severity),
                row.mean["balanced_accuracy"],
                _percent(row.relative_drop["balanced_accuracy"]),
            )
            for row in result.corruptions
        ),
        columns=("balanced accuracy", *map(str, range(1, 6)), "mean", "lost of clean"),
        keep=1,
    )
    print_table(
        (
            (
                name,
                clean,
                result.mean[name],
                _percent(result.relative_drop[name]),
                result.chance[name],
            )
            for name, clean in result.clean.items()
        ),
        columns=("all corruptions", "clean", "mean of all", "lost of clean", "chance"),
        keep=1,
    )
    print_line(
        f"95 % intervals: {result.bootstrap_resamples} bootstrap resamples by "
        f"{result.bootstrap_unit}, seed {result.seed}"
    )
    for text in result.notes:
        print_line(text)
    if result.skipped:
        print_line(f"skipped {len(result.skipped)} unreadable images; see metrics.json")
    if result.split != "val":
        times = result.test_evaluations
        print_line(f"this model has met the test split {times} time{'s' if times != 1 else ''}")
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
