"""Where in a network its last features still have places in the image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from classify.model import Backbone, CompactCNN, Ensemble
from medx.core.errors import InputError

ADVICE = "explain a convolutional network or a vision transformer"


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureMaps:
    """A layer whose output is spatial.

    Args:
        name: Of the layer, for people.
        layer: What to hook.
        as_maps: Turns its output into ``(B, C, h, w)``.
    """

    name: str
    layer: nn.Module
    as_maps: Callable[[Tensor], Tensor]


def members_of(network: nn.Module) -> list[nn.Module]:
    """Return the single networks of an ensemble, or the one network."""
    return list(network.members) if isinstance(network, Ensemble) else [network]


def last_feature_maps(network: nn.Module) -> FeatureMaps:
    """Return the last spatial layer: the last stage, or the last block of a vision transformer.

    Raises:
        InputError: When the network has none or does not say which it is.
    """
    if isinstance(network, CompactCNN):
        last = len(network.stages) - 1
        return FeatureMaps(
            name=f"stages.{last}", layer=network.stages[last], as_maps=lambda maps: maps
        )
    if isinstance(network, Backbone):
        return _of_timm(network.network)
    raise InputError(
        f"{type(network).__name__} keeps no feature maps to explain it by", hint=ADVICE
    )


def _of_timm(network: Any) -> FeatureMaps:
    known = getattr(network, "feature_info", None)
    last = (known if isinstance(known, list) else getattr(known, "info", None) or [{}])[-1]
    name = last.get("module")
    if not name:
        raise InputError(
            f"{type(network).__name__} does not say where its feature maps are",
            hint=ADVICE,
        )
    prefix = getattr(network, "num_prefix_tokens", None)
    if prefix is not None and hasattr(network.get_submodule(name), "norm1"):
        # Where the class token alone is read, patches of the last output have no gradient.
        name = f"{name}.norm1"
    channels = int(last["num_chs"])

    def as_maps(output: Tensor) -> Tensor:
        if output.ndim == 3:
            return _grid_of_tokens(output, int(prefix or 0))
        if output.shape[1] != channels and output.shape[-1] == channels:
            return output.permute(0, 3, 1, 2)
        return output

    return FeatureMaps(name=name, layer=network.get_submodule(name), as_maps=as_maps)


def _grid_of_tokens(tokens: Tensor, prefix: int) -> Tensor:
    """Return tokens ``(B, prefix + s * s, C)`` as maps ``(B, C, s, s)``."""
    patches = tokens[:, prefix:]
    side = math.isqrt(patches.shape[1])
    if side * side != patches.shape[1]:
        raise InputError(f"{patches.shape[1]} patches do not form a square")
    return patches.transpose(1, 2).reshape(len(patches), -1, side, side)
