"""Where a timm network's published weights are: a file the user has, the cache, or the hub."""

from __future__ import annotations

import os
from pathlib import Path

from medx.core import settings
from medx.core.console import note
from medx.core.errors import InputError, WeightsUnavailableError

FILE_NAME = "model.safetensors"
PROBE_SECONDS = 5.0


def find_weights(name: str, weights: Path | None = None) -> Path:
    """Return a ``.safetensors`` file with the weights of a timm network, fetching it if need be.

    Args:
        name: A timm name.
        weights: The file the user named, or None to look in the cache and then on the hub.

    Raises:
        InputError: When the user's file is missing or of another kind.
        WeightsUnavailableError: When they are neither here nor to be had.
    """
    if weights is not None:
        if weights.suffix != ".safetensors" or not weights.is_file():
            raise InputError(
                f"no .safetensors file at {weights}",
                hint="pickled .pth and .bin files are not loaded: they can run code",
            )
        return weights
    if settings.offline():
        os.environ["HF_HUB_OFFLINE"] = "1"  # before huggingface_hub reads it
    import timm
    from huggingface_hub import try_to_load_from_cache

    repository = getattr(timm.get_pretrained_cfg(name), "hf_hub_id", None)
    if not repository:
        raise _unavailable(name, "timm publishes none for it")
    cached = try_to_load_from_cache(repository, FILE_NAME)
    if isinstance(cached, str):
        return Path(cached)
    if settings.offline():
        raise _unavailable(name, "they are not in the cache and --offline forbids fetching them")
    return _fetch(name, repository)


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


def _fetch(name: str, repository: str) -> Path:
    from huggingface_hub import constants, get_session, hf_hub_download

    try:
        # The hub client retries for a minute before it gives up; one short question first.
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
        note(f"fetching the weights of {name} from {repository}")
        return Path(hf_hub_download(repository, FILE_NAME))
    except Exception as error:  # httpx, requests or hub errors, by version
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unavailable(name, f"the hub cannot be reached ({reason})") from error


def _unavailable(name: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"no pretrained weights for {name}: {reason}",
        hint="train from scratch with --no-pretrained, or name a file with --weights FILE",
    )
