"""Where training stands after an epoch: enough to go on as if it had never stopped.

Everything random is a function of seed, epoch and step (``seed_step``) and the learning rate one
of the step, so tensors, the history and the best epoch are all there is to keep. They stand in
one file, which is replaced whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from classify.results import Epoch
from classify.training.learner import Learner
from medx.core.errors import CheckpointError
from medx.core.training import load_tensors, restore_training, save_tensors, training_tensors

STATE_FILE = "checkpoint.safetensors"


@dataclass(kw_only=True)
class Progress:
    """Epochs done and the best of them, and the ``TrainingData.fingerprint`` of their images."""

    images: str = ""
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def epochs_done(self) -> int:
        """How many epochs are behind."""
        return len(self.history)

    def add(self, latest: Epoch, *, keep: str = "best") -> bool:
        """Append an epoch; return True when its weights are the ones to keep.

        Args:
            latest: The epoch that just ended.
            keep: ``best`` by val AUC, then by val loss; ``last`` whatever val says.
        """
        best = self.history[self.best_epoch - 1] if self.best_epoch else None
        self.history.append(latest)
        rank = (latest.val_auroc, -latest.val_loss)
        if best and keep == "best" and rank <= (best.val_auroc, -best.val_loss):
            return False
        self.best_epoch = latest.epoch
        return True


def save_state(run_dir: Path, progress: Progress, learner: Learner) -> None:
    """Write ``checkpoint.safetensors``; its header holds ``progress`` as JSON."""
    tensors = training_tensors(learner.network, learner.average, learner.optimizer)
    scaler = learner.accelerator.scaler  # of fp16 only
    about = {
        "images": progress.images,
        "history": [epoch.model_dump() for epoch in progress.history],
        "best_epoch": progress.best_epoch,
        "scaler": scaler.state_dict() if scaler is not None else None,
    }
    save_tensors(run_dir / STATE_FILE, tensors, metadata={"progress": json.dumps(about)})


def load_progress(run_dir: Path) -> Progress:
    """Return the progress that ``save_state`` wrote, and nothing else of it.

    Raises:
        CheckpointError: When the file is damaged.
    """
    return _progress(_read_about(run_dir / STATE_FILE), run_dir / STATE_FILE)


def load_state(run_dir: Path, learner: Learner) -> Progress:
    """Put everything back where ``save_state`` took it from; return the progress.

    Raises:
        CheckpointError: When the file is damaged or of another network.
    """
    path = run_dir / STATE_FILE
    tensors = load_tensors(path)
    about = _read_about(path)
    try:
        restore_training(tensors, learner.network, learner.average, learner.optimizer)
        if about["scaler"] is not None and learner.accelerator.scaler is not None:
            learner.accelerator.scaler.load_state_dict(about["scaler"])
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise _misfit(path, error) from error
    return _progress(about, path)


def _read_about(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as stream:
            return dict(json.loads(stream.metadata()["progress"]))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged: {error}", hint="start afresh without --resume"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _misfit(path, error) from error


def _progress(about: dict[str, Any], path: Path) -> Progress:
    try:
        history = [Epoch.model_validate(epoch) for epoch in about["history"]]
        images, best = str(about["images"]), int(about["best_epoch"])
        return Progress(images=images, history=history, best_epoch=best)
    except (KeyError, TypeError, ValueError) as error:
        raise _misfit(path, error) from error


def _misfit(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).splitlines()[0]
    return CheckpointError(
        f"{path} does not fit this run: {reason}", hint="start afresh without --resume"
    )
