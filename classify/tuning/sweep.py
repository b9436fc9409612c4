"""Tuning without cheating: many trainings judged on val; the test split cannot be reached."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy import stats

from classify.config import TrainConfig, as_mapping
from classify.training.train import train
from classify.tuning.figure import save_sweep_figure
from classify.tuning.ranking import LOWER_IS_BETTER, judge
from classify.tuning.result import SweepResult, Trial, Tried
from classify.tuning.search_space import FIXED, SweepConfig, draw_settings
from classify.tuning.trial_data import make_folds, without_test
from medx.core.console import note, told_on_interrupt, warn
from medx.core.errors import InputError, MedxError
from medx.core.files import write_json, write_text
from medx.core.runs import load_config, logging_to, save_config
from medx.datasets.manifest import Dataset

RECIPE_FILE = "best.yaml"
FIGURE = "figures/sweep.png"


def sweep(
    config: SweepConfig,
    base: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    *,
    resume: bool = False,
) -> SweepResult:
    """Train every combination of settings and rank them on val.

    Args:
        config: What to try and how to judge it.
        base: The settings that are not tried.
        run_dir: Gets a train run a trial, ``metrics.json``, ``best.yaml`` and a figure.
        dataset: Needs train and val; the trials get a copy without test.
        resume: Go on with the sweep in ``run_dir``; finished trials are not run again.

    Raises:
        InputError: When a setting is wrong, the sweep to resume is another, or no trial finished.
    """
    started = time.perf_counter()
    plans = [_apply(base, settings) for settings in draw_settings(config)]
    _check_selection(config, plans)
    _save_plan(config, base, run_dir, resume=resume)
    kept = (
        f"interrupted; finished trials are kept in {run_dir}. Go on with the same command and: "
        f"--resume --output {run_dir}"
    )
    with logging_to(run_dir), told_on_interrupt(kept):
        parts = [without_test(dataset)]
        if config.folds is not None:
            parts = make_folds(dataset, config.folds, seed=config.seed)
        note(f"{len(plans)} settings × {len(parts)} splits × {config.seeds} seeds; test left out")
        tried = []
        for number, plan in enumerate(plans, start=1):
            settings = {name: as_mapping(plan)[name] for name in config.space}
            note(f"setting {number} of {len(plans)}: {say_settings(settings)}")
            trials = [
                _run_trial(config, plan, run_dir, number, fold, seed, parts)
                for fold in range(len(parts))
                for seed in range(config.seed, config.seed + config.seeds)
            ]
            tried.append(_summarise(config.select, settings, trials))
        result = _rank(config, base, tried, run_dir, dataset, started)
    save_sweep_figure(result, run_dir / FIGURE)
    write_json(run_dir / "metrics.json", result.model_dump())
    return result


def say_settings(settings: dict[str, Any]) -> str:
    """Return settings as ``name=value``, one after another."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _apply(base: TrainConfig, settings: dict[str, Any]) -> TrainConfig:
    try:
        return replace(base, **settings)
    except (TypeError, ValueError) as error:
        raise InputError(f"bad setting in {say_settings(settings)}: {error}") from error


def _check_selection(config: SweepConfig, plans: Sequence[TrainConfig]) -> None:
    if config.select == "shifted_auroc" and any(plan.train_on == "folds" for plan in plans):
        raise InputError(
            "shifted_auroc needs a val split that was not learned from",
            hint="--set train_on=train, or another --select",
        )


def _save_plan(config: SweepConfig, base: TrainConfig, run_dir: Path, *, resume: bool) -> None:
    plan = {
        "sweep": {**as_mapping(config), "space": {k: list(v) for k, v in config.space.items()}},
        "training": as_mapping(base),
    }
    if not resume or not (run_dir / "config.yaml").is_file():
        save_config(run_dir, plan)
        return
    stored = load_config(run_dir)
    for part, values in plan.items():
        before = stored.get(part) or {}
        for name, value in values.items():
            if name != "device" and before.get(name) != value:
                raise InputError(
                    f"cannot resume with another {name}: {before.get(name)!r} became {value!r}",
                    hint="give the same options as before, or start a new sweep",
                )


def _run_trial(
    config: SweepConfig,
    plan: TrainConfig,
    run_dir: Path,
    number: int,
    fold: int,
    seed: int,
    parts: Sequence[Dataset],
) -> Trial:
    folded = config.folds is not None
    name = f"{number:03d}{f'-fold-{fold}' if folded else ''}-seed-{seed}"
    where = Path("trials") / name
    (run_dir / where).mkdir(parents=True, exist_ok=True)
    value, error = None, None
    try:
        result = train(replace(plan, seed=seed), run_dir / where, parts[fold], resume=True)
        value = judge(config.select, result, run_dir / where, parts[fold], limit=plan.limit)
    except MedxError as failure:  # the other trials may do better
        error = str(failure)
        warn(f"{where} failed: {error}")
    return Trial(
        run_dir=str(where),
        fold=fold if folded else None,
        seed=seed,
        value=None if value is None else _defined(value.estimate),
        low=None if value is None else _defined(value.low),
        high=None if value is None else _defined(value.high),
        error=error,
    )


def _summarise(select: str, settings: dict[str, Any], trials: list[Trial]) -> Tried:
    values = [trial.value for trial in trials if trial.value is not None]
    mean = sd = low = high = None
    if len(values) == len(trials):
        mean = statistics.fmean(values)
        if len(values) == 1:
            low, high = trials[0].low, trials[0].high
        else:
            sd = statistics.stdev(values)
            half = float(stats.t.ppf(0.975, len(values) - 1)) * sd / math.sqrt(len(values))
            low, high = max(0.0, mean - half), mean + half
            if select not in LOWER_IS_BETTER:
                high = min(1.0, high)
    return Tried(rank=0, settings=settings, mean=mean, sd=sd, low=low, high=high, trials=trials)


def _rank(
    config: SweepConfig,
    base: TrainConfig,
    tried: list[Tried],
    run_dir: Path,
    dataset: Dataset,
    started: float,
) -> SweepResult:
    higher = config.select not in LOWER_IS_BETTER
    sign = -1.0 if higher else 1.0
    order = sorted(tried, key=lambda one: math.inf if one.mean is None else sign * one.mean)
    board = [one.model_copy(update={"rank": rank}) for rank, one in enumerate(order, start=1)]
    best = board[0]
    if best.mean is None:
        raise InputError(
            f"no setting finished all its trainings; the first failed: "
            f"{next(t.error for one in board for t in one.trials if t.value is None)}"
        )
    _save_recipe(config, base, best, len(board), run_dir / RECIPE_FILE, dataset)
    return SweepResult(
        run_dir=str(run_dir),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        select=config.select,
        higher_is_better=higher,
        folds=config.folds,
        seeds=config.seeds,
        leaderboard=board,
        best=best.settings,
        indistinct=sum(_within(one.mean, best) for one in board[1:]),
        recipe=str(run_dir / RECIPE_FILE),
        selection=f"best of {len(board)} settings by {config.select} on val, which also chose each "
        "epoch: its figure is optimistic; test was not read",
        seconds=time.perf_counter() - started,
        figures=[FIGURE],
    )


def _within(mean: float | None, best: Tried) -> bool:
    if mean is None or best.low is None or best.high is None:
        return False
    return best.low <= mean <= best.high


def _save_recipe(
    config: SweepConfig,
    base: TrainConfig,
    best: Tried,
    count: int,
    path: Path,
    dataset: Dataset,
) -> None:
    import yaml

    plan = {k: v for k, v in as_mapping(_apply(base, best.settings)).items() if k not in FIXED}
    made_up = " (synthetic)" if dataset.synthetic else ""
    about = (
        f"Best of {count} settings by {config.select} on val of {dataset.name}{made_up}, from the "
        f"recipe {base.recipe}: {say_settings(best.settings)}."
    )
    write_text(path, yaml.safe_dump({"description": about, **plan}, sort_keys=False))


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
