"""``medx classify evaluate``: measure a trained classifier on one split."""

from __future__ import annotations

from typing import Annotated

import typer

from classify.config import EvaluateConfig
from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DecisionOption,
    DeviceOption,
    JsonOption,
    LabelMapOption,
    LabelShiftOption,
    LevelOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    ResamplesOption,
    RunOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device


def evaluate(
    context: typer.Context,
    run: RunOption = EvaluateConfig.run,
    dataset: DatasetOption = EvaluateConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = EvaluateConfig.split,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Also measure by this column of the manifest; may be repeated. [always: source]"
        ),
    ] = None,
    label_map: LabelMapOption = EvaluateConfig.label_map,
    operating_point: DecisionOption = EvaluateConfig.operating_point,
    level: LevelOption = EvaluateConfig.level,
    label_shift: LabelShiftOption = EvaluateConfig.label_shift,
    limit: LimitOption = EvaluateConfig.limit,
    batch_size: BatchSizeOption = EvaluateConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = EvaluateConfig.seed,
    resamples: ResamplesOption = EvaluateConfig.resamples,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Measure a trained classifier on one split.

    Figures have 95 % intervals; pictures and a page are written as well.
    """
    from classify.evaluation.evaluate import evaluate as run_evaluation
    from classify.runs import choose_run
    from medx.cli.evaluation_tables import print_evaluation
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir
    from medx.datasets.catalog import load_dataset

    settings = resolve_config(
        EvaluateConfig(), given=given_options(context), config_file=config, assignments=assignments
    )
    train_dir, chosen = choose_run(settings.run, settings.dataset, data_dir)
    with new_run_dir("classify", "evaluate", name=name, output=output) as run_dir:
        result = run_evaluation(
            train_dir,
            load_dataset(chosen, data_dir=data_dir),
            settings.split,
            output_dir=run_dir,
            limit=settings.limit,
            batch_size=settings.batch_size,
            device=settings.device,
            seed=settings.seed,
            resamples=settings.resamples,
            by=settings.by,
            label_map=settings.label_map,
            operating_point=settings.operating_point,
            label_shift=settings.label_shift,
            level=settings.level,
        )
    print_json(result) if json else print_evaluation(result)
