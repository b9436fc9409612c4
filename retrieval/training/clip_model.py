"""open_clip models to train: made from a config or loaded from a folder, and written as one."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2

from medx.core.errors import InputError
from medx.core.files import make_dir, write_json
from medx.core.training import save_tensors
from retrieval.encoders.open_clip_encoder import FOLDER_HINT
from retrieval.encoders.open_clip_models import load_folder

CONFIG_FILE, WEIGHTS_FILE = "open_clip_config.json", "open_clip_model.safetensors"

#: For images of 64 px, learned on CPU in minutes: 10 M parameters, two thirds of them words.
SMALL: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": 64,
        "patch_size": 8,
        "width": 192,
        "layers": 6,
        "head_width": 64,
    },
    "text_cfg": {
        "context_length": 64,
        "vocab_size": 49408,
        "width": 128,
        "heads": 4,
        "layers": 3,
    },
}


@dataclass(frozen=True, eq=False)
class ClipModel:
    """A model with what stands before it and the small files that go with it.

    Args:
        network: The open_clip model.
        preprocess: From a PIL image to the model's input, as in answering.
        tokenizer: From texts to token ids.
        config: ``open_clip_config.json``.
        start: The folder it was loaded from, for its tokenizer; None when made anew.
    """

    network: Any
    preprocess: Any
    tokenizer: Any
    config: dict[str, Any]
    start: Path | None

    def tokens(self, texts: list[str]) -> torch.Tensor:
        """Return token ids ``(N, L)``, without the padding that a mask would hide anyway."""
        ids: torch.Tensor = self.tokenizer(texts)
        bert = getattr(getattr(self.network, "text", None), "config", None)
        if bert is None:  # open_clip's own text towers see their padding
            return ids
        used = int((ids != bert.pad_token_id).sum(dim=1).max())
        return ids[:, : -(-used // 8) * 8]

    def save(self, folder: Path) -> Path:
        """Write weights, config and tokenizer as on the hub; return the weights' path."""
        make_dir(folder)
        if self.start is not None:
            for path in sorted(self.start.iterdir()):
                if path.suffix in (".json", ".txt") and path.name != CONFIG_FILE:
                    shutil.copyfile(path, folder / path.name)
        write_json(folder / CONFIG_FILE, self.config)
        save_tensors(folder / WEIGHTS_FILE, self.network.state_dict())
        return folder / WEIGHTS_FILE


def build_clip(architecture: str, device: str) -> ClipModel:
    """Return a model of random weights.

    Args:
        architecture: ``small``, or a JSON file with an open_clip model config.
        device: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        InputError: When the file is no such config.
    """
    config = {"model_cfg": SMALL if architecture == "small" else _read_config(Path(architecture))}
    try:
        with TemporaryDirectory() as folder, _unwarned():
            write_json(Path(folder) / CONFIG_FILE, config)
            network = open_clip.create_model(
                f"local-dir:{folder}", load_weights=False, pretrained_text=False, device=device
            )
            tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AssertionError) as error:
        raise InputError(
            f"open_clip cannot make a model of {architecture}: {error}",
            hint="use --architecture small, or the model_cfg of an open_clip model",
        ) from error
    steps = network.visual.preprocess_cfg
    config["preprocess_cfg"] = {"mean": list(steps["mean"]), "std": list(steps["std"])}
    preprocess = image_transform_v2(PreprocessCfg(**steps), is_train=False)
    return ClipModel(network, preprocess, tokenizer, config, None)


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keep open_clip from warning that the weights are random: they shall be."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def load_clip(start: Path, device: str) -> ClipModel:
    """Return the model of a folder.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """
    loaded = load_folder(start, device, what="open_clip model", hint=FOLDER_HINT)
    config = json.loads((start / CONFIG_FILE).read_text(encoding="utf-8"))
    return ClipModel(loaded.model, loaded.preprocess, loaded.tokenizer, config, start)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the architecture {path}: {error}",
            hint="use --architecture small, or a JSON file",
        ) from error
    config = config.get("model_cfg", config) if isinstance(config, dict) else None
    if not isinstance(config, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(config):
        raise InputError(
            f"{path} is no open_clip model config",
            hint="it needs embed_dim, vision_cfg and text_cfg",
        )
    return config
