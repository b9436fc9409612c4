"""``medx classify predict``: use a trained classifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from classify.config import PredictConfig
from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DecisionOption,
    DeviceOption,
    JsonOption,
    LabelShiftOption,
    LevelOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    RunOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device


def predict(
    context: typer.Context,
    input: Annotated[
        str | None,
        typer.Argument(
            help="An image file, a folder of images or a manifest.csv. [default: a dataset split]"
        ),
    ] = PredictConfig.input,
    run: RunOption = PredictConfig.run,
    dataset: DatasetOption = PredictConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = PredictConfig.split,
    limit: LimitOption = PredictConfig.limit,
    frames: Annotated[
        str, typer.Option(help="Of files with several (DICOM, TIFF): first or all.")
    ] = PredictConfig.frames,
    operating_point: DecisionOption = PredictConfig.operating_point,
    level: LevelOption = PredictConfig.level,
    label_shift: LabelShiftOption = PredictConfig.label_shift,
    top_k: Annotated[
        int, typer.Option(min=1, help="Classes to show of each image.")
    ] = PredictConfig.top_k,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw where the classifier looked in each image.")
    ] = PredictConfig.explain,
    batch_size: BatchSizeOption = PredictConfig.batch_size,
    device: DeviceOption = Device.auto,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Predict an image, a folder, a manifest or a dataset split."""
    from classify.predict import load_classifier
    from classify.predict_images import predict_input
    from classify.prediction_files import save_predictions
    from classify.runs import choose_run
    from medx.cli.trust_tables import print_predictions
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir, save_config
    from medx.datasets.catalog import load_dataset

    settings = resolve_config(
        PredictConfig(), given=given_options(context), config_file=config, assignments=assignments
    )
    train_dir, chosen = choose_run(settings.run, settings.dataset, data_dir)
    settings = replace(settings, run=str(train_dir), dataset=chosen)
    classifier = load_classifier(
        train_dir,
        settings.device,
        batch_size=settings.batch_size,
        operating_point=settings.operating_point,
        level=settings.level,
    )
    part = None
    if settings.input is None:
        part = load_dataset(chosen, data_dir=data_dir).split(settings.split, limit=settings.limit)
    with new_run_dir("classify", "predict", name=name, output=output) as run_dir:
        overlays = run_dir / "overlays" if settings.explain else None
        found = predict_input(classifier, settings, part, overlays=overlays)
        if settings.input is not None:
            settings = replace(settings, input=found.source)  # a path may name a patient
        save_config(run_dir, vars(settings))
        found = save_predictions(found, run_dir)
    print_json(found) if json else print_predictions(found, top_k=settings.top_k)
