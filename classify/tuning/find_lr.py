"""Learning-rate range test (Smith 2017): how loss answers to a rate that grows with every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from classify.config import TrainConfig, as_mapping
from classify.training.freezing import train_unfrozen
from classify.training.learner import Learner, TrainingData, build_learner, initial_weights
from classify.training.learner import load_training_data as load_data
from classify.training.phases import NETWORK, enter_phase, plan_phases
from classify.training.train import (
    batch_size,
    draw_order,
    make_batch,
    set_rate,
    steps_per_epoch,
    take_step,
)
from medx.core.console import progress_bar
from medx.core.device import seed_everything
from medx.core.errors import InputError
from medx.core.figures import new_figure, save_figure
from medx.core.files import write_json
from medx.core.runs import save_config
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.datasets.augment import seed_step
from medx.datasets.manifest import Dataset

LOWEST, HIGHEST = 1e-6, 1.0
SMOOTHING = 0.9
DIVERGED = 4.0
#: Steps at either end of the curve whose slope says nothing: the average is young, or it turns.
EDGE = 3
FEWEST_STEPS = 20
RULE = (
    "the rate at which smoothed loss falls fastest per decade, before its minimum; "
    "a one-cycle peak may lie somewhat above, never where loss has turned up"
)


class RateStep(Value):
    """One step of the test."""

    learning_rate: float
    loss: float
    smoothed: float = Field(description="Exponential moving average, bias corrected.")


class RateTest(Value):
    """A learning-rate range test; ``metrics.json`` of its folder."""

    schema_version: int = 1
    run_dir: str
    recipe: str
    model: str
    initial_weights: str
    phase: str = Field(description="head or network: what learned, and whose rate is suggested.")
    dataset: str
    synthetic: bool
    batch_size: int
    seed: int
    steps: list[RateStep]
    diverged: bool = Field(description="Stopped before the highest rate.")
    suggested: float | None = Field(description="None: loss fell nowhere.")
    setting: str = Field(description="The setting that the suggestion is for.")
    rule: str = RULE
    figures: list[str]
    disclaimer: str = DISCLAIMER


def find_learning_rate(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    *,
    steps: int | None = None,
    phase: str = NETWORK,
) -> RateTest:
    """Let the rate grow from 1e-6 to 1 in equal ratios, a step each, until loss diverges.

    Args:
        config: The recipe whose learner takes the steps; no run of it is changed.
        run_dir: Gets ``metrics.json`` and a figure.
        dataset: Needs train and val; loss is that of train.
        steps: How many; None takes one epoch's, 100 at least.
        phase: ``network``, or ``head`` of a recipe that trains its head first.

    Raises:
        InputError: When the recipe has no such phase or takes no steps.
    """
    phases = {found.name: found for found in plan_phases(config)}
    if config.probe or phase not in phases:
        raise InputError(
            "a linear probe takes no steps" if config.probe else f"the recipe has no {phase} phase",
            hint="take a recipe that trains, such as --recipe transfer",
        )
    if steps is not None and steps < FEWEST_STEPS:
        raise InputError(f"the test needs {FEWEST_STEPS} steps or more, got {steps}")
    seed_everything(config.seed)
    data = load_data(config, dataset)
    learner = build_learner(config, data)
    enter_phase(learner, phases[phase], None)
    wanted = steps or max(100, steps_per_epoch(config, data.train))
    tested = run_ramp(config, learner, data, wanted)
    suggested = suggest_rate(tested)
    save_config(run_dir, as_mapping(config))
    result = RateTest(
        run_dir=str(run_dir),
        recipe=config.recipe,
        model=config.model,
        initial_weights=initial_weights(config),
        phase=phase,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        batch_size=batch_size(config, data.train),
        seed=config.seed,
        steps=tested,
        diverged=len(tested) < wanted,
        suggested=suggested,
        setting="learning_rate" if phase == NETWORK else "head_learning_rate",
        figures=["figures/learning_rate.png"],
    )
    save_rate_curve(result, run_dir / "figures" / "learning_rate.png")
    write_json(run_dir / "metrics.json", result.model_dump())
    return result


def run_ramp(
    config: TrainConfig, learner: Learner, data: TrainingData, steps: int
) -> list[RateStep]:
    """Take up to ``steps`` steps of training with growing rates; end where loss diverges."""
    device = learner.accelerator.device
    target = F.one_hot(data.train.target, len(data.classes)).float()
    train_unfrozen(learner.network)
    tested: list[RateStep] = []
    average = 0.0
    with progress_bar("finding the learning rate", steps) as bar:
        for step, rows in enumerate(_batches(config, data, steps)):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1))
            set_rate(learner, rate)
            seed_step(config.seed, 0, step)
            inputs, soft = make_batch(
                config, learner, data, data.train.pixels[rows].to(device), target[rows].to(device)
            )
            loss = float(take_step(learner, inputs, soft, parts=config.accumulate))
            average = SMOOTHING * average + (1.0 - SMOOTHING) * loss
            smoothed = average / (1.0 - SMOOTHING ** (step + 1))
            if not math.isfinite(loss) or _has_diverged(tested, smoothed):
                break
            tested.append(RateStep(learning_rate=rate, loss=loss, smoothed=smoothed))
            bar.update(bar.task_ids[0], advance=1, status=f"rate {rate:.1e} loss {loss:.3f}")
    return tested


def suggest_rate(steps: Sequence[RateStep]) -> float | None:
    """Return the rate where smoothed loss falls fastest per decade; None when it never falls."""
    if len(steps) < 2 * EDGE + 2:
        return None
    rates = np.log10([step.learning_rate for step in steps])
    smoothed = np.array([step.smoothed for step in steps])
    slopes = np.gradient(smoothed, rates)
    # The first steps are as noisy as single losses: one of them is no minimum.
    falling = slopes[EDGE : EDGE + int(np.argmin(smoothed[EDGE:]))]
    if len(falling) == 0 or falling.min() >= 0:
        return None
    return float(steps[EDGE + int(np.argmin(falling))].learning_rate)


def save_rate_curve(result: RateTest, path: Path) -> Path:
    """Draw loss over the learning rate with the suggestion."""
    kind = " (synthetic)" if result.synthetic else ""
    figure = new_figure(6.4, 4, title=f"{result.model} on {result.dataset}{kind}: {result.phase}")
    axes = figure.subplots()
    rates = [step.learning_rate for step in result.steps]
    axes.plot(rates, [step.loss for step in result.steps], color="0.8", label="loss of a step")
    axes.plot(rates, [step.smoothed for step in result.steps], label="smoothed")
    if result.suggested is not None:
        axes.axvline(
            result.suggested, color="tab:red", ls="--", label=f"suggested {result.suggested:.1e}"
        )
    axes.set(xscale="log", xlabel="learning rate", ylabel="train loss")
    axes.legend(fontsize=8)
    return save_figure(figure, path)


def _batches(config: TrainConfig, data: TrainingData, steps: int) -> list[Tensor]:
    batch, per_epoch = batch_size(config, data.train), steps_per_epoch(config, data.train)
    found: list[Tensor] = []
    for epoch in range(-(-steps // per_epoch)):
        seed_step(config.seed, epoch, steps)
        order = draw_order(data.train.target, balanced=config.balanced_sampling)
        found.extend(torch.split(order, batch)[:per_epoch])
    return found[:steps]


def _has_diverged(tested: Sequence[RateStep], smoothed: float) -> bool:
    return bool(tested) and smoothed > DIVERGED * min(step.smoothed for step in tested)
