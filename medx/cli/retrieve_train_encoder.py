"""``medx retrieve train-encoder``: the compact encoder from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DeviceOption,
    OfflineOption,
    ResumeOption,
    SeedOption,
    SetOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device
from retrieval.config import (
    TrainEncoderConfig,
)


def train_encoder(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", help="Folder for the weights.")] = Path(
        "outputs/retrieve/train-encoder/compact"
    ),
    dataset: Annotated[
        str, typer.Option("--dataset", help="Labelled radiographs; only their train split is read.")
    ] = TrainEncoderConfig.dataset,
    data_dir: DataDirOption = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Optimiser steps.")
    ] = TrainEncoderConfig.steps,
    batch_size: BatchSizeOption = TrainEncoderConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = TrainEncoderConfig.seed,
    config: ConfigOption = None,
    set_: SetOption = None,
    resume: ResumeOption = False,
    offline: OfflineOption = False,
) -> None:
    """Train the compact encoder from scratch; use it with --encoder compact --weights FOLDER."""
    from medx.core.console import print_line
    from medx.datasets.catalog import load_dataset
    from retrieval.training.train_encoder import train_encoder as train

    settings = resolve_config(
        TrainEncoderConfig(), given=given_options(context), config_file=config, assignments=set_
    )
    path = train(settings, load_dataset(settings.dataset, data_dir=data_dir), output, resume=resume)
    print_line(f"wrote {path}")
