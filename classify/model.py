"""Networks: a compact residual CNN for small images, and every timm backbone by name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from classify.config import COMPACT_CNN
from classify.encoder_probe import EncoderProbe
from classify.pretrained import find_weights
from medx.core.errors import InputError, UnknownNameError
from medx.core.models.timm_weights import check_complete

SMALLEST_INPUT, SMALL_INPUT = 16, 64
HALVED_INPUT = 48

#: Shown with every unknown name; timm holds a thousand more.
FAMILIAR = (COMPACT_CNN, "efficientnet_b0", "resnet18", "resnet34", "resnet50")


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity(),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        # Starting each block as its shortcut makes the first steps stable at a high rate.
        nn.init.zeros_(cast(nn.BatchNorm2d, self.convolutions[-1]).weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the block's output."""
        return torch.relu(self.convolutions(inputs) + self.shortcut(inputs))


class CompactCNN(nn.Module):
    """A residual CNN of 0.7 M parameters for images of 28 to 64 pixels.

    It standardises each image by its own mean and spread first: what exposure and processing
    scale differs between scanners, and between train and test.

    Args:
        num_classes: Logits an image.
        in_channels: 1 for grey images, 3 for colour.
        stem_stride: 2 halves the image first: at 64 pixels a step costs a quarter.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 1,
        *,
        stem_stride: int = 1,
        width: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.standardise = _standardise(in_channels)
        self.stages = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stem_stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            ResidualBlock(width, width),
            ResidualBlock(width, 2 * width, stride=2),
            ResidualBlock(2 * width, 2 * width),
            ResidualBlock(2 * width, 4 * width, stride=2),
            ResidualBlock(4 * width, 4 * width),
        )
        self.num_features = 4 * width
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.num_features, num_classes))

    def features(self, inputs: Tensor) -> Tensor:
        """Return pooled features ``(B, 128)``."""
        return cast(Tensor, self.stages(self.standardise(inputs)).mean(dim=(2, 3)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits ``(B, C)``."""
        return cast(Tensor, self.head(self.features(inputs)))


class Backbone(nn.Module):
    """A timm network in the two steps that medx asks for.

    Args:
        network: From timm.
        standardise: Channels of the input, when each image is to be standardised by its own mean
            and spread first; None leaves it as it comes.
    """

    def __init__(self, network: Any, *, standardise: int | None = None) -> None:
        super().__init__()
        self.standardise = nn.Identity() if standardise is None else _standardise(standardise)
        self.network = network
        self.num_features = int(network.head_hidden_size)

    def features(self, inputs: Tensor) -> Tensor:
        """Return pooled features ``(B, D)``: what the last linear layer reads."""
        maps = self.network.forward_features(self.standardise(inputs))
        return cast(Tensor, self.network.forward_head(maps, pre_logits=True))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits ``(B, C)``."""
        return cast(Tensor, self.network(self.standardise(inputs)))


class Ensemble(nn.Module):
    """Networks of one kind that answer together.

    Args:
        members: Two or more, with the same classes.
    """

    def __init__(self, members: Sequence[CompactCNN | Backbone]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.num_features = sum(member.num_features for member in members)

    def features(self, inputs: Tensor) -> Tensor:
        """Return the members' pooled features side by side ``(B, D)``."""
        found = [cast(CompactCNN, member).features(inputs) for member in self.members]
        return torch.cat(found, dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logarithm of the members' mean probabilities ``(B, C)``."""
        logs = [torch.log_softmax(member(inputs).float(), dim=1) for member in self.members]
        return torch.logsumexp(torch.stack(logs), dim=0) - math.log(len(logs))


Network: TypeAlias = "CompactCNN | Backbone | Ensemble | EncoderProbe"


def build_model(
    name: str,
    num_classes: int,
    in_channels: int = 1,
    *,
    size: int | None = None,
    pretrained: bool = False,
    weights: Path | None = None,
    normalise: str = "dataset",
) -> CompactCNN | Backbone:
    """Build ``compact-cnn`` or a timm network.

    Args:
        name: ``compact-cnn``, ``efficientnet_b0``, ``resnet18`` or any other timm name.
        num_classes: Logits an image.
        in_channels: 1 for grey images, 3 for colour.
        size: Side of the input, for networks built for one (vision transformers, compact-cnn).
        pretrained: Start a timm network from its published weights.
        weights: A ``.safetensors`` file to start it from instead.
        normalise: ``image`` lets a timm network standardise each image first.

    Raises:
        UnknownNameError: When timm knows no such network.
        WeightsUnavailableError: When published weights are asked for and cannot be had.
        InputError: When a weight file does not fit.
    """
    check_model_name(name)
    if name == COMPACT_CNN:
        if weights is not None:
            raise InputError(f"--weights is for timm networks; {COMPACT_CNN} starts from scratch")
        stride = 2 if size is not None and size >= HALVED_INPUT else 1
        return CompactCNN(num_classes, in_channels, stem_stride=stride)
    import timm

    source = find_weights(name, weights) if pretrained or weights else None
    options: dict[str, Any] = {"img_size": size} if size and _takes_img_size(name) else {}
    try:
        network = timm.create_model(
            name,
            pretrained=source is not None,
            num_classes=num_classes,
            in_chans=in_channels,
            pretrained_cfg_overlay={"file": str(source)} if source else None,
            **options,
        )
    except (RuntimeError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot build {name} for these images: {reason}") from error
    if weights is not None:
        check_complete(network, weights)
    return Backbone(network, standardise=in_channels if normalise == "image" else None)


def check_model_name(name: str) -> None:
    """Raise ``UnknownNameError`` with near names unless ``build_model`` takes ``name``."""
    if name == COMPACT_CNN:
        return
    import timm

    if not timm.is_model(name):
        wanted = name.lower().replace("-", "_")
        near = difflib.get_close_matches(wanted, timm.list_models(), n=8, cutoff=0.6)
        raise UnknownNameError("model", name, {*FAMILIAR, *near})


def default_size(name: str, native: int) -> int:
    """Return the input side ``name`` works at for images of ``native`` pixels."""
    if name == COMPACT_CNN:
        return max(SMALLEST_INPUT, min(native, SMALL_INPUT))
    import timm

    cfg = timm.get_pretrained_cfg(name)
    return int(cfg.input_size[-1]) if cfg is not None else 224


def _standardise(channels: int) -> nn.Module:
    # One group over all channels: the balance of colours is a finding, brightness is not.
    return nn.GroupNorm(1, channels, eps=1e-3, affine=False)


def _takes_img_size(name: str) -> bool:
    import timm

    cfg = timm.get_pretrained_cfg(name)
    return bool(cfg is not None and cfg.fixed_input_size)
