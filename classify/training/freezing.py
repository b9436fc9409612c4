"""The blocks of a network, from stem to head: which of them learn, and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from torch import nn

from classify.model import Backbone, CompactCNN

SCALE = "scale"


def block_depths(network: CompactCNN | Backbone) -> dict[str, int]:
    """Return the block of each parameter by name: 0 is the stem, the highest the head."""
    if isinstance(network, CompactCNN):
        found = {name: _compact_depth(network, name) for name, _ in network.named_parameters()}
    else:
        found = _timm_depths(network)
    numbers = {depth: number for number, depth in enumerate(sorted(set(found.values())))}
    return {name: numbers[depth] for name, depth in found.items()}


def freeze(network: CompactCNN | Backbone, *, unfreeze: int | None) -> None:
    """Let the head and the last ``unfreeze`` blocks learn, and nothing else; None is all."""
    depths = block_depths(network)
    first = 0 if unfreeze is None else max(depths.values()) - unfreeze
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(depths[name] >= first)


def train_unfrozen(network: nn.Module) -> None:
    """Set training mode where something learns.

    A frozen part stays as it predicts: its batch norm keeps its statistics, nothing drops out.
    """
    network.train()
    for module in network.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def parameter_groups(
    network: CompactCNN | Backbone, *, weight_decay: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Return optimiser groups; ``scale`` of a group is its share of the learning rate.

    Args:
        network: What learns.
        weight_decay: On what is no bias, scale or shift.
        layer_decay: Share of a block in the rate of the block above it (Howard and Ruder 2018);
            1 gives all blocks one rate.
    """
    depths = block_depths(network)
    head = max(depths.values())
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        # Decay pulls scales and shifts (one-dimensional) towards 0, which regularises nothing.
        key = (layer_decay ** (head - depths[name]), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": groups[key], "weight_decay": weight_decay if key[1] else 0.0, SCALE: key[0]}
        for key in sorted(groups, reverse=True)
    ]


def _compact_depth(network: CompactCNN, name: str) -> int:
    part, number, *_ = name.split(".")
    # Convolution, norm and ReLU of the stem are the first three of the stages.
    return max(0, int(number) - 2) if part == "stages" else len(network.stages)


def _timm_depths(network: Backbone) -> dict[str, int]:
    from timm.models import group_parameters

    inner = network.network
    matcher = inner.group_matcher(coarse=False)
    depths = cast(dict[str, int], group_parameters(inner, matcher, reverse=True))
    # timm counts a last norm or projection with the head; the head here is the classifier alone.
    head = {id(parameter) for module in _heads(inner) for parameter in module.parameters()}
    last = max(depths.values()) + 1
    return {
        f"network.{name}": last if id(parameter) in head else depths[name]
        for name, parameter in inner.named_parameters()
    }


def _heads(network: Any) -> Iterable[nn.Module]:
    found = network.get_classifier()
    return found if isinstance(found, tuple) else (found,)
