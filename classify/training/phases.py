"""Training in two phases: a new head on a frozen backbone, then the backbone at a lower rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classify.config import TrainConfig
from classify.results import Epoch
from classify.training.freezing import freeze
from classify.training.learner import Learner
from medx.core.training import load_tensors, one_cycle, warm_cosine

HEAD, NETWORK = "head", "network"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training with a schedule and an early stop of its own.

    Args:
        name: ``head`` or ``network``.
        epochs: At most.
        learning_rate: Peak.
        patience: Stop after so many epochs without a better val AUC in this phase; None never.
        unfreeze: Last blocks that learn beside the head; None is all of them.
    """

    name: str
    epochs: int
    learning_rate: float
    patience: int | None
    unfreeze: int | None


@dataclass(frozen=True, kw_only=True)
class Stand:
    """Where a training stands: the phase it is in, and its epochs that are behind."""

    phase: Phase
    done: int


def plan_phases(config: TrainConfig) -> tuple[Phase, ...]:
    """Return the phases of a recipe in their order; the first is left out at 0 epochs."""
    head = Phase(
        name=HEAD,
        epochs=config.head_epochs,
        learning_rate=config.head_learning_rate,
        patience=config.head_patience,
        unfreeze=0,
    )
    network = Phase(
        name=NETWORK,
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        patience=config.patience,
        unfreeze=config.unfreeze,
    )
    return (head, network) if config.head_epochs else (network,)


def stand_after(config: TrainConfig, history: Sequence[Epoch]) -> Stand | None:
    """Return where training goes on after the epochs in ``history``; None at its end."""
    for phase in plan_phases(config):
        behind = [epoch for epoch in history if epoch.phase == phase.name]
        if not _is_over(config, phase, behind):
            return Stand(phase=phase, done=len(behind))
    return None


def most_epochs(config: TrainConfig) -> int:
    """Return how many epochs all phases have together when none stops early."""
    return sum(phase.epochs for phase in plan_phases(config))


def phase_rate(config: TrainConfig, phase: Phase, step: int, steps: int) -> float:
    """Return the learning rate of a step of a phase of ``steps`` steps an epoch."""
    total = phase.epochs * steps
    if config.schedule == "cosine":
        return warm_cosine(step, total, phase.learning_rate, config.warmup_epochs * steps)
    return one_cycle(step, total, phase.learning_rate)


def enter_phase(learner: Learner, phase: Phase, kept_weights: Path | None) -> None:
    """Make ready for the first epoch of a phase.

    Args:
        learner: What learns.
        phase: The one that begins.
        kept_weights: What the phase before it kept, to begin from; None in the first.
    """
    if kept_weights is not None:
        tensors = load_tensors(kept_weights)
        learner.network.load_state_dict(tensors)
        learner.average.load_state_dict(tensors)
        # What the optimiser gathered belongs to other weights.
        learner.optimizer.state.clear()
    learner.optimizer.zero_grad()
    freeze(learner.network, unfreeze=phase.unfreeze)


def _is_over(config: TrainConfig, phase: Phase, behind: Sequence[Epoch]) -> bool:
    if len(behind) >= phase.epochs:
        return True
    if config.keep == "last" or phase.patience is None or not behind:
        return False
    ranks = [(epoch.val_auroc, -epoch.val_loss) for epoch in behind]
    return len(behind) - 1 - ranks.index(max(ranks)) >= phase.patience
