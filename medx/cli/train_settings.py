"""What a training is to do, from its options: recipe, file, ``--set`` and options typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from classify.config import TrainConfig
from medx.cli.options import apply_settings, read_settings

if TYPE_CHECKING:
    from medx.datasets.manifest import Dataset


def resolve_training(
    given: dict[str, Any],
    config: Path | None,
    assignments: list[str] | None,
    data_dir: Path | None,
    stored: TrainConfig | None = None,
) -> tuple[TrainConfig, Dataset]:
    """Return the settings of a training and its dataset.

    Args:
        given: Options typed, by name.
        config: A file of settings.
        assignments: What ``--set`` gave.
        data_dir: Where ``.npz`` datasets are searched first.
        stored: Settings of a run to go on with; None starts from a recipe.
    """
    from classify.recipe import load_recipe
    from classify.recipe_choice import choose_recipe
    from classify.runs import dataset_key
    from medx.datasets.catalog import default_dataset, load_dataset

    wanted = read_settings(TrainConfig, given, config, assignments)
    chosen = wanted.get("dataset") or (stored and stored.dataset) or default_dataset(data_dir)
    wanted["dataset"] = dataset_key(chosen)
    images = load_dataset(wanted["dataset"], data_dir=data_dir)
    base = stored or choose_recipe(images, wanted)
    if start := wanted.pop("recipe", None):
        wanted["recipe"] = load_recipe(start).name
    return apply_settings(base, wanted), images
