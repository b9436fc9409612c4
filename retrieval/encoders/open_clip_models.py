"""Loading open_clip models: from a folder laid out as on the hub, or by open_clip's own names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import open_clip
from safetensors import SafetensorError

from medx.core import settings
from medx.core.errors import InputError, UnknownNameError, WeightsUnavailableError
from medx.core.hub import cached_snapshots, check_hub
from medx.core.models.catalogue import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS, find_model
from retrieval.encoders.open_clip_files import checked_folder, weight_file
from retrieval.encoders.text_tower import text_tower_dir

_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UnpicklingError)


class OpenCLIPModel(NamedTuple):
    """A model in evaluation mode with what stands before it, and the file its weights are from.

    ``shape`` is a hash of its config where that is the folder's own, and empty where a name says
    which: one and the same weights embed otherwise with another activation.
    """

    model: Any
    preprocess: Any
    tokenizer: Any
    weights: Path
    shape: str = ""


def load_folder(folder: Path, device: str, *, what: str, hint: str) -> OpenCLIPModel:
    """Load a model from one folder; its text tower's own repository is not needed.

    Args:
        folder: Config, weights and tokenizer, as on the hub.
        device: ``cpu``, ``cuda`` or ``mps``.
        what: What it should be, for errors.
        hint: How to get it.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """
    folder = checked_folder(folder, hint=hint)
    weights = weight_file(folder)
    with _translated(f"{folder} holds no readable {what}", hint):
        config = json.loads((folder / OPEN_CLIP_CONFIG).read_text(encoding="utf-8"))["model_cfg"]
        shape = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        overrides: dict[str, Any] = {}
        if "hf_model_name" in config["text_cfg"]:
            tower = str(text_tower_dir(folder, weights))
            overrides["text_cfg"] = dict(
                config["text_cfg"], hf_model_name=tower, hf_model_pretrained=False
            )
        model, preprocess = open_clip.create_model_from_pretrained(
            f"local-dir:{folder}", device=device, weights_only=True, **overrides
        )
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    return OpenCLIPModel(model.eval(), preprocess, tokenizer, weights, shape)


def load_named(name: str, tag: str, weights: Path | None, device: str) -> OpenCLIPModel:
    """Load a model by open_clip's name, with published weights or a file of one's own.

    Args:
        name: Such as ``ViT-B-32``.
        tag: Which published weights; empty with ``weights``.
        weights: A weight file; it is preprocessed for as the architecture says.
        device: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        UnknownNameError: When open_clip has no such model, or no such weights for it.
        InputError: When neither ``tag`` nor ``weights`` says which weights.
        WeightsUnavailableError: When they cannot be had, or are damaged.
    """
    published = _published(name, tag, has_weights=weights is not None)
    options: dict[str, Any] = {}
    if weights is None:
        weights = _published_file(name, tag, published)
        # By its tag open_clip would ask the hub for the file again.
        options = {
            "force_quick_gelu": bool(published.get("quick_gelu")),
            "image_mean": published.get("mean"),
            "image_std": published.get("std"),
            "image_interpolation": published.get("interpolation"),
            "image_resize_mode": published.get("resize_mode"),
        }
    hint = "see `medx models pull --help`, or name a folder with --weights"
    with _translated(f"open_clip cannot load {name} from {weights}", hint):
        # Only torch's restricted reader may open a pickle: it builds tensors and nothing else.
        model, preprocess = open_clip.create_model_from_pretrained(
            name, pretrained=str(weights), device=device, weights_only=True, **options
        )
        tokenizer = open_clip.get_tokenizer(name)
    return OpenCLIPModel(model.eval(), preprocess, tokenizer, weights)


def _published(name: str, tag: str, *, has_weights: bool) -> dict[str, Any]:
    if name not in open_clip.list_models():
        raise UnknownNameError("open_clip model", name, open_clip.list_models())
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag and tag not in tags:
        raise UnknownNameError(f"pretrained weights of {name}", tag, tags)
    if not tag and not has_weights:
        choice = f"--encoder open_clip:{name}/{tags[0]}" if tags else "none is published"
        raise InputError(
            f"{name} alone has no weights: say which, one of {', '.join(tags) or 'none'}",
            hint=f"{choice}, or a file with --weights",
        )
    return dict(open_clip.get_pretrained_cfg(name, tag)) if tag else {}


def _published_file(name: str, tag: str, config: dict[str, Any]) -> Path:
    """Return the file of published weights: in the cache, or downloaded by open_clip."""
    if settings.offline() and not config.get("hf_hub"):
        raise WeightsUnavailableError(
            f"open_clip fetches {name}/{tag} from {config.get('url')}, which offline mode forbids",
            hint="fetch that file elsewhere and name it with --weights FILE",
        )
    hint = ""
    if config.get("hf_hub"):
        model = find_model(f"open_clip:{name}/{tag}")
        hint = model.how_to_get()
        # open_clip asks the hub even for what is in the cache.
        names = (*OPEN_CLIP_WEIGHTS, *model.needs[0])
        files = (path / name for path in cached_snapshots(model.repository) for name in names)
        if (cached := next(filter(Path.is_file, files), None)) is not None:
            return cached
        check_hub(model.repository, hint=hint)
    with _translated(f"the weights of open_clip:{name}/{tag} are not to be had", hint):
        return Path(open_clip.download_pretrained(config))


@contextmanager
def _translated(message: str, hint: str) -> Iterator[None]:
    """Say what failed in one line; open_clip and its readers raise many kinds of errors."""
    try:
        yield
    except _DAMAGE as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsUnavailableError(f"{message}: {reason}", hint=hint) from error
