"""What timm publishes of a network: weights, and the statistics of the pixels they learned."""

from __future__ import annotations

from pathlib import Path

from medx.core.errors import InputError
from medx.core.models.timm_weights import FILE_NAME, find_timm_weights


def find_weights(name: str, weights: Path | None = None) -> Path:
    """Return a ``.safetensors`` file with the weights of a timm network, fetching it if need be.

    Args:
        name: A timm name.
        weights: The file the user named, or None to look in the cache and then on the hub.

    Raises:
        InputError: When the user's file is missing or of another kind.
        WeightsUnavailableError: When they are neither here nor to be had.
    """
    return find_timm_weights(
        name,
        weights,
        hint=f"`medx models pull timm:{name} --to DIR` where there is internet, copy DIR here, "
        f"then --weights DIR/{FILE_NAME}; or train from scratch with --no-pretrained",
    )


def backbone_statistics(name: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and spread of each channel that a timm network's weights were trained with.

    Grey images get the mean over the three colours: timm sums the first layer over them, as if
    each grey image came in all three.

    Args:
        name: A timm name.
        channels: 1 or 3.

    Raises:
        InputError: When the network has no published weights.
    """
    import timm

    cfg = timm.get_pretrained_cfg(name)
    if cfg is None:
        raise InputError(
            f"{name} has no normalisation of its own", hint="set normalise=dataset or image"
        )
    mean, std = tuple(map(float, cfg.mean)), tuple(map(float, cfg.std))
    if channels == 1:
        return (sum(mean) / len(mean),), (sum(std) / len(std),)
    return mean, std
