"""A linear head on frozen features: L2 logistic regression, its strength chosen on val."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from classify.checkpoint import WEIGHTS_FILE
from classify.config import TrainConfig
from classify.data import ImageSet
from classify.embedders import load_embedder
from classify.encoder_probe import EncoderProbe
from classify.evaluation.ranking import macro_auroc
from classify.inference import compute_features
from classify.model import Backbone, CompactCNN
from classify.results import Epoch, ProbeFit
from classify.training.learner import TrainingData, new_network
from classify.training.state import Progress
from classify.trust.calibration import negative_log_likelihood
from medx.core.console import note, track
from medx.core.device import resolve_device, seed_everything
from medx.core.errors import InputError
from medx.core.training import save_tensors

#: Inverse strengths of the penalty (scikit-learn's C), the strongest first.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
ITERATIONS = 500
IMAGES_AT_A_TIME = 128
#: Logit of a class that train does not hold, beside the others.
NEVER = -20.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearProbe:
    """A fitted linear head.

    Args:
        weight: ``(C, D)``, on features as they come.
        bias: ``(C,)``.
        fits: What each strength reached on val.
        chosen: The best of them.
    """

    weight: Floats
    bias: Floats
    fits: tuple[ProbeFit, ...]
    chosen: ProbeFit

    def logits(self, features: npt.NDArray[np.floating]) -> Floats:
        """Return ``(N, C)`` of features ``(N, D)``."""
        return np.asarray(features @ self.weight.T + self.bias)


def fit_probe(
    features: npt.NDArray[np.floating],
    target: npt.NDArray[np.int64],
    val_features: npt.NDArray[np.floating],
    val_target: npt.NDArray[np.int64],
    *,
    num_classes: int,
    balanced: bool,
) -> LinearProbe:
    """Fit one probe a strength on standardised features; keep the best by val AUC, then loss.

    Args:
        features: Of train, ``(N, D)``.
        target: ``(N,)``.
        val_features: ``(M, D)``.
        val_target: ``(M,)``.
        num_classes: Rows of the head; a class that train lacks is never predicted.
        balanced: Weigh classes by inverse frequency.
    """
    mean, std = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    standard = (features - mean) / std
    probes = []
    for strength in STRENGTHS:
        model = LogisticRegression(
            C=strength, max_iter=ITERATIONS, class_weight="balanced" if balanced else None
        )
        with warnings.catch_warnings():
            # A weak penalty on separable classes has no end; val judges where it got to.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(standard, target)
        weight, bias = _all_classes(model, num_classes)
        weight = weight / std
        bias = bias - weight @ mean
        logits = (val_features @ weight.T + bias).astype(np.float32)
        fit = ProbeFit(
            strength=strength,
            val_auroc=macro_auroc(val_target, softmax(logits, axis=1)),
            val_loss=negative_log_likelihood(logits, val_target),
        )
        probes.append((fit, weight, bias))
    chosen, weight, bias = max(probes, key=lambda p: (p[0].val_auroc, -p[0].val_loss))
    return LinearProbe(
        weight=weight, bias=bias, fits=tuple(fit for fit, _, _ in probes), chosen=chosen
    )


def probe_network(
    network: CompactCNN | Backbone | EncoderProbe,
    train: ImageSet,
    val: ImageSet,
    *,
    mean: Tensor,
    std: Tensor,
    num_classes: int,
    balanced: bool,
) -> tuple[Epoch, tuple[ProbeFit, ...]]:
    """Fit the head of a network, whose other weights stay; return what it reached, and the grid.

    Raises:
        InputError: When the network does not end in a linear layer.
    """
    started = time.perf_counter()
    head = linear_head(network)
    known, judged = (
        _features_of(network, images, mean=mean, std=std, what=what)
        for images, what in ((train, "features of train"), (val, "features of val"))
    )
    target, val_target = train.target.numpy(), val.target.numpy()
    probe = fit_probe(known, target, judged, val_target, num_classes=num_classes, balanced=balanced)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(probe.weight))
        head.bias.copy_(torch.from_numpy(probe.bias))
    epoch = Epoch(
        phase="probe",
        epoch=1,
        train_loss=negative_log_likelihood(probe.logits(known).astype(np.float32), target),
        val_loss=probe.chosen.val_loss,
        val_auroc=probe.chosen.val_auroc,
        learning_rate=0.0,
        seconds=time.perf_counter() - started,
    )
    return epoch, probe.fits


def train_probe(
    config: TrainConfig, run_dir: Path, data: TrainingData
) -> tuple[Progress, tuple[ProbeFit, ...]]:
    """Fit a probe and leave its weights in the run folder, as a training of one epoch does."""
    seed_everything(config.seed)
    device = torch.device(resolve_device(config.device))
    if config.encoder is not None:
        network: CompactCNN | Backbone | EncoderProbe = blank_network(config, data)
    else:
        network = new_network(config, data)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean, std = (torch.tensor(v, dtype=torch.float32, device=device) for v in data.statistics)
    epoch, fits = probe_network(
        network,
        data.train,
        data.val,
        mean=mean,
        std=std,
        num_classes=len(data.classes),
        balanced=config.balanced_sampling,
    )
    for fit in fits:
        note(f"C {fit.strength:g}: val loss {fit.val_loss:.4f}, val AUC {fit.val_auroc:.4f}")
    save_tensors(run_dir / WEIGHTS_FILE, network.state_dict())
    return Progress(history=[epoch], best_epoch=1), fits


def blank_network(config: TrainConfig, data: TrainingData) -> CompactCNN | Backbone | EncoderProbe:
    """Build the network of a recipe for weights that are about to be loaded."""
    if config.encoder is None:
        return new_network(config, data, blank=True)
    embedder = load_embedder(config.encoder, config.weights, config.device)
    return EncoderProbe(embedder, len(data.classes))


def linear_head(network: CompactCNN | Backbone | EncoderProbe) -> nn.Linear:
    """Return the last layer of a network.

    Raises:
        InputError: When it is not linear, or has no bias.
    """
    if isinstance(network, CompactCNN):
        head = network.head[-1]
    elif isinstance(network, EncoderProbe):
        head = network.head
    else:
        head = network.network.get_classifier()
    if not isinstance(head, nn.Linear) or head.bias is None:
        raise InputError(
            f"a linear probe needs a linear layer at the end, not {type(head).__name__}",
            hint="take another --model, such as resnet18",
        )
    return head


def _features_of(
    network: CompactCNN | Backbone | EncoderProbe,
    images: ImageSet,
    *,
    mean: Tensor,
    std: Tensor,
    what: str,
) -> npt.NDArray[np.float64]:
    parts = [
        compute_features(network, part, mean=mean, std=std, batch_size=IMAGES_AT_A_TIME)
        for part in track(torch.split(images.pixels, IMAGES_AT_A_TIME), what)
    ]
    return np.concatenate(parts).astype(np.float64)


def _all_classes(model: LogisticRegression, num_classes: int) -> tuple[Floats, Floats]:
    """Return one row a class; scikit-learn has one for two classes, none for absent ones."""
    rows, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    weight = np.zeros((num_classes, rows.shape[1]))
    bias = np.full(num_classes, NEVER)
    weight[model.classes_], bias[model.classes_] = rows, offsets
    return weight, bias
