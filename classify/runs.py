"""Finding train runs by dataset, name or folder; imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

from classify.config import TrainConfig
from medx.core import settings
from medx.core.errors import CheckpointError, InputError
from medx.core.runs import latest_run, load_config

SUBSYSTEM, COMMAND = "classify", "train"


def dataset_key(name: str) -> str:
    """Return a dataset name or folder as runs store it."""
    return os.path.normpath(name)


def find_train_run(dataset: str, run: str | None = None) -> Path:
    """Return the folder of the newest finished train run of a dataset, or of a given run.

    Args:
        dataset: Name or folder, as given to ``medx classify train``.
        run: A run folder, or the name of one under the output folder.

    Raises:
        CheckpointError: When there is none.
    """
    if run is not None:
        named = settings.output_dir() / SUBSYSTEM / COMMAND / run
        # A folder of data may be called as a run is.
        own = (Path(run) / "config.yaml").is_file() or not named.is_dir()
        folder = Path(run) if own else named
        load_config(folder)
        return folder
    found = latest_run(SUBSYSTEM, COMMAND, dataset=dataset_key(dataset))
    if found is None:
        raise CheckpointError(
            f"no classifier was trained on {dataset} yet",
            hint=f"medx classify train --dataset {dataset}",
        )
    return found


def trained_on(run_dir: Path) -> str:
    """Return the dataset a run was trained on, as given to ``medx classify train``."""
    dataset = load_config(run_dir).get("dataset")
    if not isinstance(dataset, str):
        raise CheckpointError(f"{run_dir / 'config.yaml'} does not say the dataset")
    return dataset


def stored_settings(run_dir: Path) -> TrainConfig | None:
    """Return the settings of a run to resume; None when it did not get that far.

    Raises:
        CheckpointError: When ``config.yaml`` is damaged.
    """
    if not (run_dir / "config.yaml").is_file():
        return None
    try:
        return TrainConfig(**load_config(run_dir))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{run_dir / 'config.yaml'} is damaged: {error}") from error


def latest_unfinished() -> Path:
    """Return the newest train run without a result.

    Raises:
        InputError: When there is nothing to resume.
    """
    folder = settings.output_dir() / SUBSYSTEM / COMMAND
    configs = sorted(folder.glob("*/config.yaml"), key=lambda p: p.stat().st_mtime, reverse=True)
    for config in configs:
        if not (config.parent / "metrics.json").is_file():
            return config.parent
    raise InputError(
        f"no interrupted training in {folder}",
        hint="start one without --resume, or name the run with --name or --output",
    )


def choose_run(run: str | None, dataset: str | None, data_dir: Path | None) -> tuple[Path, str]:
    """Return a train run and the dataset to use it on, from what the user named of the two.

    A run alone brings its dataset; a dataset alone takes its newest run; neither takes the
    default dataset.
    """
    from medx.datasets.catalog import default_dataset

    if run is None:
        chosen = dataset or default_dataset(data_dir)
        return find_train_run(chosen), chosen
    train_dir = find_train_run("", run)
    return train_dir, dataset or trained_on(train_dir)
