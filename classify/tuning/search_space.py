"""What a sweep tries: values of training settings, all combinations or some at random."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from classify.config import TrainConfig
from medx.core.errors import InputError, UnknownNameError
from medx.core.yaml_files import read_yaml_mapping

SELECTIONS = ("auroc", "nll", "balanced_accuracy", "shifted_auroc")
RANGE = ".."

#: What makes runs incomparable, or is the sweep's own to set.
FIXED = {"dataset", "device", "limit", "recipe", "recipe_reason", "seed"}

#: More trainings than anybody means to start by a slip of the keyboard.
MOST_SETTINGS = 1000


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """What to try and how to judge it.

    Args:
        space: Setting of ``TrainConfig`` → the values to try; ``"1e-4..1e-2"`` among them is a
            range to draw from, evenly by order of magnitude.
        random: Draw so many combinations instead of trying all.
        folds: Judge each combination on so many folds of train and val; None trains on train and
            judges on val.
        seeds: Train each combination so often, from as many seeds.
        select: What the best is best by, on val: ``auroc``, ``nll``, ``balanced_accuracy``, or
            ``shifted_auroc``, the mean over images as other scanners might take them.
        seed: Of the drawing, the folds and the first training.
    """

    space: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    random: int | None = None
    folds: int | None = None
    seeds: int = 1
    select: str = "auroc"
    seed: int = 0

    def __post_init__(self) -> None:
        _check_names(self.space)
        if self.select not in SELECTIONS:
            raise UnknownNameError("selection", self.select, SELECTIONS)
        for name, low in (("random", 1), ("folds", 2), ("seeds", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise InputError(f"{name} must be >= {low}, got {value}")
        ranged = [name for name, values in self.space.items() if any(map(_is_range, values))]
        if ranged and self.random is None:
            raise InputError(
                f"{ranged[0]} is a range, which a grid cannot try in full",
                hint="say how many to draw with --random, or list the values",
            )


def read_space(path: Path | None, grids: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values to try, from a YAML file of lists and then from ``name=value,value``.

    Raises:
        InputError: When one of them cannot be read.
    """
    import yaml

    space: dict[str, list[Any]] = {}
    if path is not None:
        loaded = read_yaml_mapping(path, f"the search space {path}", lines="name: [value, value]")
        space = {str(k): v if isinstance(v, list) else [v] for k, v in loaded.items()}
    for grid in grids:
        name, equals, text = grid.partition("=")
        if not equals or not text.strip():
            raise InputError(f"--grid takes name=value,value, got {grid!r}")
        try:
            space[name.strip()] = [yaml.safe_load(part) for part in text.split(",")]
        except yaml.YAMLError as error:
            raise InputError(f"--grid cannot read the values of {grid!r}") from error
    return space


def draw_settings(config: SweepConfig) -> list[dict[str, Any]]:
    """Return the combinations to try, no two alike; the same config gives the same ones.

    Raises:
        InputError: When a grid holds more than anybody will wait for.
    """
    if config.random is None:
        size = math.prod(len(values) for values in config.space.values())
        if size > MOST_SETTINGS:
            raise InputError(
                f"the grid holds {size:,} combinations",
                hint="draw some of them with --random",
            )
        combinations = itertools.product(*config.space.values())
        return _distinct([dict(zip(config.space, values, strict=True)) for values in combinations])
    rng = random.Random(config.seed)
    found: list[dict[str, Any]] = []
    # A small space may hold fewer than were asked for.
    for _ in range(100 * config.random):
        drawn = {name: _draw(rng.choice(values), rng) for name, values in config.space.items()}
        found = _distinct([*found, drawn])
        if len(found) == config.random:
            break
    return found


def _check_names(space: Mapping[str, Sequence[Any]]) -> None:
    known = {f.name for f in fields(TrainConfig)} - FIXED
    if not space:
        raise InputError(
            "nothing to try", hint="name a setting: --grid learning_rate=1e-3,3e-3 (or --space)"
        )
    for name, values in space.items():
        if name not in known:
            raise UnknownNameError("setting to search", name, known)
        if not values:
            raise InputError(f"{name} has no value to try")


def _is_range(value: Any) -> bool:
    return isinstance(value, str) and RANGE in value


def _draw(value: Any, rng: random.Random) -> Any:
    if not _is_range(value):
        return value
    parts = str(value).split(RANGE)
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        low = high = math.nan
    if not low < high < math.inf:
        raise InputError(f"a range is written 1e-4..1e-2, got {value!r}")
    if all(part.strip().isdigit() for part in parts):
        return rng.randint(int(low), int(high))
    if low > 0:
        return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")
    return float(f"{rng.uniform(low, high):.3g}")


def _distinct(settings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({repr(sorted(one.items(), key=str)): one for one in settings}.values())
