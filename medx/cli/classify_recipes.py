"""``medx classify recipes``: what ``--recipe`` takes."""

from __future__ import annotations

from medx.cli.options import JsonOption


def recipes(json: JsonOption = False) -> None:
    """List the named recipes of training."""
    from classify.recipe import list_recipes
    from medx.core.console import print_json, print_table

    found = list_recipes()
    if json:
        print_json(found)
        return
    print_table(
        ((recipe.name, recipe.description, recipe.model) for recipe in found.recipes),
        columns=("recipe", "what for", "model"),
    )
