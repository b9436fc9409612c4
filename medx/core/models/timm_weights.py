"""The published weights of a timm network: a file the user has, the hub cache, or the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import safe_open

from medx.core import settings
from medx.core.errors import InputError, WeightsUnavailableError
from medx.core.hub import fetch_snapshot
from medx.core.models.catalogue import find_model

FILE_NAME = "model.safetensors"


def find_timm_weights(name: str, weights: Path | None = None, *, hint: str) -> Path:
    """Return a ``.safetensors`` file with the weights of a timm network, fetching it if need be.

    Args:
        name: A timm name.
        weights: The file, or a folder with ``model.safetensors``, that the user named; None looks
            in the hub cache and then on the hub.
        hint: What the user can do when there are none.

    Raises:
        InputError: When the user's file is missing or of another kind.
        WeightsUnavailableError: When they are neither here nor to be had.
    """
    if weights is not None:
        return _checked(weights / FILE_NAME if weights.is_dir() else weights)
    try:
        model = find_model(f"timm:{name}")
    except InputError as error:
        raise _unavailable(name, "timm publishes none for it", hint) from error
    if (cached := model.find()) is not None:
        return cached / FILE_NAME
    if settings.offline():
        raise _unavailable(
            name,
            f"they are not in the cache and {settings.OFFLINE_MODE} forbids fetching them",
            hint,
        )
    try:
        return fetch_snapshot(model.repository, files=model.files, hint=hint) / FILE_NAME
    except WeightsUnavailableError as error:
        raise _unavailable(name, str(error), hint) from error


def check_complete(network: Any, weights: Path) -> None:
    """Refuse a file that leaves layers of a network as they were: timm passes over missing ones.

    Args:
        network: From timm; its last, linear layer may be missing.
        weights: A ``.safetensors`` file.

    Raises:
        InputError: Naming the first tensor that is missing.
    """
    with safe_open(weights, framework="pt") as stream:
        given = set(stream.keys())
    head = network.pretrained_cfg.get("classifier") or ()
    heads = (head,) if isinstance(head, str) else tuple(head)
    missing = [
        name
        for name in network.state_dict()
        if name not in given and not name.startswith(tuple(f"{h}." for h in heads))
    ]
    if missing:
        raise InputError(
            f"{weights} lacks {len(missing)} tensors of the network (first: {missing[0]})",
            hint="it must hold the timm state dict of this very network",
        )


def _checked(file: Path) -> Path:
    if file.suffix != ".safetensors" or not file.is_file():
        raise InputError(
            f"no .safetensors file at {file}",
            hint="pickled .pth and .bin files are not loaded: they can run code",
        )
    return file


def _unavailable(name: str, reason: str, hint: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(f"no pretrained weights for {name}: {reason}", hint=hint)
