"""A trained classifier in use: calibrated probabilities, labels at its operating point."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from classify.checkpoint import RETRAIN, ModelDescription, load_checkpoint
from classify.config import PredictConfig
from classify.data import as_tensor
from classify.inference import compute_features, compute_logits
from classify.model import Network
from classify.trust.conformal import ConformalSets, fit_conformal
from classify.trust.ood import OOD_FILE, REASONS, OutOfDistribution, colourfulness, load_ood
from classify.trust.operating_points import apply_operating_point
from classify.trust.operating_rules import parse_decision
from classify.trust.thresholds import choose_threshold
from classify.trust.val_logits import VAL_LOGITS_FILE, ValLogits, load_val_logits
from medx.core.device import resolve_device
from medx.core.errors import CheckpointError, InputError
from medx.core.images import Pixels, resize, to_grey, to_rgb
from medx.core.values import Prediction

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Classifier:
    """A network with everything a prediction needs.

    Args:
        name: The run that made it.
        network: Weights loaded.
        description: Classes, input, temperature and operating point.
        device: ``cpu``, ``cuda`` or ``mps``.
        batch_size: Images at a time.
        val: What it said of val; without it there are no conformal sets.
        ood: Flags images unlike the training images; without it none is.
        level: Share of images whose conformal set is to hold the truth.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        description: ModelDescription,
        *,
        device: str = "cpu",
        batch_size: int = 256,
        val: ValLogits | None = None,
        ood: OutOfDistribution | None = None,
        level: float = PredictConfig.level,
    ) -> None:
        self.name = name
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.description = description
        self.batch_size = batch_size
        self.val, self.ood, self.level = val, ood, level
        self.mean = torch.tensor(description.mean, device=device)
        self.std = torch.tensor(description.std, device=device)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; the second of two is the positive one."""
        return tuple(self.description.classes)

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.description.size

    def fit(self, pixels: Pixels) -> Pixels:
        """Return pixels ``(H, W[, 3])`` of any size as this classifier takes them."""
        shaped = to_rgb(pixels) if self.description.colour else to_grey(pixels)
        return resize(shaped, self.size)

    def logits(self, pixels: Pixels) -> Floats:
        """Return uncalibrated logits ``(N, C)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        return compute_logits(
            self.network,
            self._checked(pixels),
            mean=self.mean,
            std=self.std,
            tta=self.description.tta,
            batch_size=self.batch_size,
        )

    def probabilities(self, pixels: Pixels) -> Floats:
        """Return calibrated probabilities ``(N, C)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        return self.description.calibration.probabilities(self.logits(pixels))

    def features(self, pixels: Pixels) -> Floats:
        """Return pooled features ``(N, D)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        return compute_features(
            self.network,
            self._checked(pixels),
            mean=self.mean,
            std=self.std,
            batch_size=self.batch_size,
        )

    def predict(self, ids: Sequence[str], pixels: Pixels | Sequence[Pixels]) -> list[Prediction]:
        """Return one prediction an image.

        Args:
            ids: N names.
            pixels: N ``uint8`` images ``(H, W)`` or ``(H, W, 3)`` of any sizes.

        Raises:
            ValueError: When there is not one id an image.
        """
        if len(ids) != len(pixels):
            raise ValueError(f"ids must hold one name an image, got {len(ids)} and {len(pixels)}")
        if len(ids) == 0:
            return []
        fitted = np.stack([self.fit(image) for image in pixels])
        return self.predict_fitted(ids, fitted, [colourfulness(image) for image in pixels])

    def predict_fitted(
        self, ids: Sequence[str], pixels: Pixels, colours: Sequence[float]
    ) -> list[Prediction]:
        """Return one prediction an image that ``fit`` has passed.

        Args:
            ids: N names.
            pixels: ``uint8`` ``(N, S, S[, 3])``.
            colours: ``colourfulness`` of each image before.
        """
        return self.as_predictions(ids, self.probabilities(pixels), self.ood_parts(pixels, colours))

    def ood_parts(
        self, pixels: Pixels, colours: Sequence[float] | None = None
    ) -> dict[str, Doubles] | None:
        """Return how unlike the training images ``(N, S, S[, 3])`` are, by kind of likeness.

        Args:
            pixels: As ``fit`` leaves them.
            colours: ``colourfulness`` of each image before, which a classifier of colour ignores.
        """
        if self.ood is None:
            return None
        parts = self.ood.parts(self.features(pixels), pixels)
        if colours is not None and not self.description.colour:
            parts["colour"] = np.array(colours)
        return parts

    @cached_property
    def val_probs(self) -> Floats:
        """Calibrated probabilities of val.

        Raises:
            CheckpointError: When the classifier came without val's logits.
        """
        return self.description.calibration.probabilities(self._kept_val().logits)

    def _kept_val(self) -> ValLogits:
        if self.val is None:
            raise CheckpointError(f"{self.name} holds no logits of val", hint=RETRAIN)
        return self.val

    @cached_property
    def conformal(self) -> ConformalSets | None:
        """The sets of classes that hold the truth as often as ``level``."""
        if self.val is None:
            return None
        return fit_conformal(self.val_probs, self.val.target, self.level)

    def decide_by(self, decision: str) -> Classifier:
        """Return this classifier at another operating point.

        Args:
            decision: A threshold, or a rule; that of a new rule is chosen on val's logits.

        Raises:
            InputError: When there are more than two classes.
        """
        if len(self.classes) != 2:
            raise InputError(
                f"an operating point is for two classes, {self.name} has {len(self.classes)}",
                hint="leave --operating-point out: the most probable class is taken",
            )
        parsed, stored = parse_decision(decision), self.description.operating_points
        if isinstance(parsed, float):
            rule, threshold = "given", parsed
        elif (rule := str(parsed)) in stored:
            threshold = stored[rule]
        else:
            threshold = choose_threshold(
                self._kept_val(), self.description.calibration, rule
            ).threshold
        changed = {"operating_point": threshold, "operating_point_rule": rule}
        other = copy(self)
        other.description = self.description.model_copy(update=changed)
        return other

    def as_predictions(
        self, ids: Sequence[str], probs: Floats, ood_parts: dict[str, Doubles] | None = None
    ) -> list[Prediction]:
        """Return predictions of calibrated probabilities ``(N, C)``.

        Args:
            ids: N names.
            probs: ``(N, C)``.
            ood_parts: As ``ood_parts`` gives them; None leaves that flag open.
        """
        point = self.description.operating_point
        chosen = apply_operating_point(probs, point)
        sets = None if self.conformal is None else self.conformal.sets(probs)
        predictions = []
        for i, name in enumerate(ids):
            label = self.classes[chosen[i]]
            held = None if sets is None else [self.classes[c] for c in np.flatnonzero(sets[i])]
            parts = {kind: float(values[i]) for kind, values in (ood_parts or {}).items()}
            reasons = _reasons(label, held, self.level, parts)
            score = max(parts.values()) if parts else None
            predictions.append(
                Prediction(
                    id=name,
                    probabilities=dict(zip(self.classes, map(float, probs[i]), strict=True)),
                    label=label,
                    operating_point=point,
                    classifier=self.name,
                    conformal_set=held,
                    conformal_level=None if held is None else self.level,
                    ood_score=score,
                    out_of_distribution=None if score is None else score > 1,
                    abstain=None if held is None and score is None else bool(reasons),
                    abstain_reasons=reasons,
                )
            )
        return predictions

    def _checked(self, pixels: Pixels) -> Tensor:
        tail = (self.size, self.size, 3) if self.description.colour else (self.size, self.size)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != tail or len(pixels) == 0:
            raise ValueError(
                f"pixels must be uint8 of shape (N, {', '.join(map(str, tail))}), N >= 1, "
                f"got {pixels.dtype} {pixels.shape}"
            )
        return as_tensor(pixels)


def _reasons(
    label: str, held: list[str] | None, level: float, parts: dict[str, float]
) -> list[str]:
    """Return why a person should decide: nothing when the image is ordinary and the case clear."""
    reasons = [REASONS[kind] for kind, value in parts.items() if value > 1]
    if held is not None and held != [label]:
        share = f"{100 * level:g} %"
        if not held:
            reasons.append(f"no class is likely enough for the {share} set")
        elif len(held) > 1:
            reasons.append(f"the {share} set holds {' and '.join(held)}")
        else:
            reasons.append(f"the {share} set holds {held[0]} instead")
    return reasons


def load_classifier(
    run_dir: Path,
    device: str = "auto",
    *,
    batch_size: int = 256,
    operating_point: str | None = None,
    level: float = PredictConfig.level,
) -> Classifier:
    """Load the classifier of a finished train run.

    Args:
        run_dir: Its folder.
        device: A ``--device`` value.
        batch_size: Images at a time.
        operating_point: A rule or threshold to decide by instead of the stored one.
        level: Share of images whose conformal set is to hold the truth.

    Raises:
        CheckpointError: When the folder holds none or a damaged one.
    """
    folder = Path(run_dir)
    network, description = load_checkpoint(folder)
    classifier = Classifier(
        folder.resolve().name,
        network,
        description,
        device=resolve_device(device),
        batch_size=batch_size,
        val=load_val_logits(folder / VAL_LOGITS_FILE, description.val_logits_sha256),
        ood=load_ood(folder / OOD_FILE, description.ood_sha256),
        level=level,
    )
    return classifier if operating_point is None else classifier.decide_by(operating_point)
