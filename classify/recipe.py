"""A recipe: a named YAML file of training settings; light to import."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from classify.config import TrainConfig
from medx.core.errors import InputError, UnknownNameError
from medx.core.values import Value
from medx.core.yaml_files import read_yaml_mapping

FOLDER = Path(__file__).parent / "recipes"
SUFFIXES = (".yaml", ".yml")


class Recipe(Value):
    """Settings that go together, with a line on what they are for."""

    name: str
    description: str
    settings: dict[str, Any]

    @property
    def model(self) -> str:
        """The network it trains."""
        return str(self.settings.get("model", TrainConfig.model))

    def config(self) -> TrainConfig:
        """Return the defaults changed by this recipe.

        Raises:
            InputError: When a setting has no such value.
        """
        try:
            return TrainConfig(**{**self.settings, "recipe": self.name})
        except (TypeError, ValueError) as error:
            raise InputError(f"bad setting in the recipe {self.name}: {error}") from error


class RecipeList(Value):
    """The recipes that come with medx."""

    schema_version: int = 1
    recipes: list[Recipe]


def recipe_names() -> list[str]:
    """Return the names ``load_recipe`` takes."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def list_recipes() -> RecipeList:
    """Return every recipe that comes with medx."""
    return RecipeList(recipes=[load_recipe(name) for name in recipe_names()])


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name, or from a YAML file of settings and a ``description``.

    Raises:
        UnknownNameError: When there is no such recipe, or it sets what does not exist.
        InputError: When the file cannot be read.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in recipe_names():
        path = Path(name)
        if path.suffix not in SUFFIXES:
            raise UnknownNameError("recipe", name, recipe_names())
    settings = read_yaml_mapping(path, f"the recipe {path}")
    description = str(settings.pop("description", ""))
    known = {field.name for field in fields(TrainConfig)} - {"recipe", "recipe_reason"}
    for setting in settings:
        if setting not in known:
            raise UnknownNameError(f"setting in the recipe {path.stem}", str(setting), known)
    recipe = Recipe(name=path.stem, description=description, settings=dict(settings))
    recipe.config()
    return recipe
