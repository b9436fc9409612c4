"""Which recipe a dataset gets when nobody names one, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from classify.backbone_names import timm_name
from classify.config import COMPACT_CNN, DEFAULT_RECIPE, TrainConfig
from classify.data import native_size
from classify.model import SMALL_INPUT, check_model_name
from classify.pretrained import find_weights
from classify.recipe import Recipe, load_recipe
from medx.core.console import note
from medx.core.errors import WeightsUnavailableError
from medx.datasets.manifest import Dataset

LARGE_RECIPE = "transfer"


def choose_recipe(dataset: Dataset, wanted: Mapping[str, Any]) -> TrainConfig:
    """Return the settings that a training starts from, and say which on stderr.

    The recipe that ``wanted`` names, else ``small-scratch`` for images up to 64 pixels, else
    ``transfer`` where its weights can be had, else ``small-scratch`` at 64 pixels.

    Args:
        dataset: What is to be trained on.
        wanted: Settings the user gave, which will change those of the recipe.
    """
    if wanted.get("recipe"):
        return load_recipe(str(wanted["recipe"])).config()
    small = load_recipe(DEFAULT_RECIPE).config()
    native = native_size(dataset)
    if native <= SMALL_INPUT:
        return _because(small, f"images of {native} px")
    large = load_recipe(LARGE_RECIPE)
    if lacking := _what_it_lacks(large, wanted):
        reason = f"images of {native} px, but {lacking}"
        if wanted.get("model", COMPACT_CNN) == COMPACT_CNN and not wanted.get("size"):
            reason += f"; images are shrunk to {SMALL_INPUT} px"
        return _because(small, reason)
    return _because(large.config(), f"images of {native} px, and weights to start from")


def _what_it_lacks(recipe: Recipe, wanted: Mapping[str, Any]) -> str | None:
    """Return why a recipe that starts from published weights cannot be used, or None."""
    model = timm_name(str(wanted.get("model") or recipe.model))
    if model == COMPACT_CNN or not wanted.get("pretrained", True):
        return "training is to start from scratch"
    check_model_name(model)
    weights = wanted.get("weights")
    try:
        find_weights(model, Path(str(weights)) if weights else None)
    except WeightsUnavailableError as error:
        return str(error)
    return None


def _because(config: TrainConfig, reason: str) -> TrainConfig:
    note(f"recipe {config.recipe}: {reason}")
    return replace(config, recipe_reason=reason)
