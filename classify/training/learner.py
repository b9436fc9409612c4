"""What learns: network, its running average, optimiser and loss, placed on a device."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn

from classify.config import COMPACT_CNN, TrainConfig
from classify.data import (
    ImageSet,
    channel_statistics,
    load_images,
    native_size,
    training_splits,
)
from classify.model import Backbone, CompactCNN, build_model, check_model_name, default_size
from classify.pretrained import backbone_statistics
from classify.training.freezing import parameter_groups
from classify.training.losses import (
    FocalLoss,
    class_balanced_weights,
    inverse_frequency_weights,
    logit_adjustment,
)
from medx.core.device import resolve_device, resolve_precision
from medx.core.errors import InputError
from medx.core.processes import world_size
from medx.datasets.augment import choose_augmentation
from medx.datasets.manifest import Dataset

ENCODER_INPUT = 224
PRECISION_NAMES = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """Train and val in memory.

    Args:
        train: What is learned from.
        val: What judges it.
        classes: Names.
        size: Side of the images in pixels.
        colour: Three channels instead of one.
        statistics: Mean and spread of each channel of pixels as 0 to 1: of train, and of val too
            where folds make both train.
        augmentation: The set of changes.
        augmentation_reason: Why that one.
    """

    train: ImageSet
    val: ImageSet
    classes: tuple[str, ...]
    size: int
    colour: bool
    statistics: tuple[tuple[float, ...], tuple[float, ...]]
    augmentation: str
    augmentation_reason: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names, labels and brightness of all images, to know them again by."""
        digest = hashlib.sha256()
        for part in (self.train, self.val):
            digest.update("\n".join(record.id for record in part.records).encode())
            digest.update(part.target.numpy().tobytes())
            digest.update(part.pixels.sum(dim=(1, 2, 3), dtype=torch.int64).numpy().tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """Everything a training step touches.

    Args:
        network: The weights that take steps.
        average: Their running average, which is judged and kept.
        optimizer: AdamW.
        criterion: The loss.
        accelerator: Device and precision.
        mean: By channel, to normalise by.
        std: By channel, to normalise by.
    """

    network: CompactCNN | Backbone
    average: CompactCNN | Backbone
    optimizer: torch.optim.Optimizer
    criterion: nn.Module
    accelerator: Accelerator
    mean: Tensor
    std: Tensor


def load_training_data(config: TrainConfig, dataset: Dataset) -> TrainingData:
    """Decode train and val of a dataset at the size the model works at."""
    train, val = training_splits(dataset, limit=config.limit)
    size = input_size(config, train)
    images = load_images(train, size, description="reading train")
    judges = load_images(val, size, description="reading val")
    augmentation, reason = "none", "a linear probe reads each image as it is"
    if not config.probe:
        augmentation, reason = choose_augmentation(
            config.augmentation, dataset.modality, colour=dataset.colour
        )
    return TrainingData(
        train=images,
        val=judges,
        classes=dataset.classes,
        size=size,
        colour=dataset.colour,
        statistics=normalisation(config, images, judges),
        augmentation=augmentation,
        augmentation_reason=reason,
    )


def input_size(config: TrainConfig, images: Dataset) -> int:
    """Return the side of the input: as set, else what the model or the images suggest."""
    if config.encoder is None:
        check_model_name(config.model)
    if config.size:
        return config.size
    native = native_size(images)
    # An encoder resizes images itself.
    return min(native, ENCODER_INPUT) if config.encoder else default_size(config.model, native)


def normalisation(
    config: TrainConfig, train: ImageSet, val: ImageSet
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and spread of each channel that inputs are normalised by."""
    channels = train.pixels.shape[1]
    if config.encoder:  # which has its own
        return (0.0,) * channels, (1.0,) * channels
    if config.normalise == "backbone":
        return backbone_statistics(config.model, channels)
    folds = config.train_on == "folds"
    mean, std = channel_statistics(torch.cat([train.pixels, val.pixels]) if folds else train.pixels)
    return tuple(mean.tolist()), tuple(std.tolist())


def build_learner(config: TrainConfig, data: TrainingData) -> Learner:
    """Build what learns; torch's generator decides the initial weights."""
    accelerator = _start_accelerator(config)
    network = new_network(config, data)
    network = network.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).requires_grad_(False)
    groups = parameter_groups(
        network, weight_decay=config.weight_decay, layer_decay=config.layer_decay
    )
    if world_size() > 1 and accelerator.device.type == "cuda":
        network = convert_sync_batchnorm(network)
    optimizer = accelerator.prepare(torch.optim.AdamW(groups))
    # Evaluation mode leaves out DistributedDataParallel: ``processes`` sums the gradients, which
    # phases may freeze and thaw as they like.
    network = accelerator.prepare_model(network, evaluation_mode=True)
    if config.compile:
        network.compile()
    mean, std = data.statistics
    return Learner(
        network=network,
        average=average,
        optimizer=optimizer,
        criterion=build_criterion(config, data).to(accelerator.device),
        accelerator=accelerator,
        mean=torch.tensor(mean, dtype=torch.float32, device=accelerator.device),
        std=torch.tensor(std, dtype=torch.float32, device=accelerator.device),
    )


def build_criterion(config: TrainConfig, data: TrainingData) -> FocalLoss:
    """Build the loss; cross-entropy is focal loss that focuses on nothing."""
    num_classes = len(data.classes)
    adjustment = None
    if config.logit_adjustment:
        adjustment = logit_adjustment(data.train.target, num_classes, config.logit_adjustment)
    return FocalLoss(
        gamma=config.focal_gamma if config.loss == "focal" else 0.0,
        alpha=_class_weights(config, data),
        label_smoothing=config.label_smoothing,
        adjustment=adjustment,
    )


def _class_weights(config: TrainConfig, data: TrainingData) -> Tensor | None:
    target, num_classes = data.train.target, len(data.classes)
    if config.class_weights is None:
        return None
    if config.class_weights == "inverse-frequency":
        return inverse_frequency_weights(target, num_classes)
    if config.class_weights == "class-balanced":
        return class_balanced_weights(target, num_classes, config.class_balanced_beta)
    if len(config.class_weights) != num_classes:
        raise InputError(
            f"class_weights has {len(config.class_weights)} weights for {num_classes} classes",
            hint=f"give one for each of {', '.join(data.classes)}, or 'inverse-frequency'",
        )
    return torch.tensor(config.class_weights)


def new_network(
    config: TrainConfig, data: TrainingData, *, blank: bool = False
) -> CompactCNN | Backbone:
    """Build a network for these images.

    Args:
        config: The recipe.
        data: Its classes, size and channels count.
        blank: Leave out the weights it is to start from: others are about to be loaded.
    """
    return build_model(
        config.model,
        len(data.classes),
        3 if data.colour else 1,
        size=data.size,
        pretrained=config.pretrained and not blank,
        weights=Path(config.weights) if config.weights and not blank else None,
        normalise=config.normalise,
    )


def initial_weights(config: TrainConfig) -> str:
    """Return where the network starts from, in words."""
    if config.encoder:
        return f"encoder {config.encoder}"
    if config.weights:
        return f"file {Path(config.weights).name}"
    if config.model == COMPACT_CNN or not config.pretrained:
        return "scratch"
    return f"pretrained {config.model} of timm"


def _start_accelerator(config: TrainConfig) -> Accelerator:
    device = resolve_device(config.device)
    precision = resolve_precision(config.precision, device)
    if precision == "fp16" and device == "cpu":
        raise InputError("fp16 needs a GPU", hint="use --precision fp32 or bf16")
    # accelerate holds device and precision for the whole process; a second training in it (the
    # demo, a benchmark over seeds) may want others.
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=device == "cpu", mixed_precision=PRECISION_NAMES[precision])
