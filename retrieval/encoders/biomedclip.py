"""BiomedCLIP (Zhang et al. 2023, arXiv:2303.00915) through open_clip, from local files.

The checkpoint is read from a folder laid out as on the hub. Its config names a second repository
for the text tower's shape; that is answered from the folder, or from the weights, so that nothing
but this one folder is needed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from PIL import Image as PILImage
from safetensors import SafetensorError, safe_open

from medx.core import settings
from medx.core.console import note
from medx.core.device import resolve_device
from medx.core.errors import WeightsUnavailableError
from medx.core.files import write_json
from medx.core.images import Pixels, to_rgb
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.biomedclip_files import (
    CONFIG_FILE,
    REPOSITORY,
    WANTED_FILES,
    checked_folder,
    find_biomedclip,
    how_to_get,
    weight_file,
)
from retrieval.encoders.runtimes.towers import Towers, open_clip_towers
from retrieval.encoders.weight_hash import weight_sha256

#: Attention heads of BERT are this wide, whatever its size.
HEAD_WIDTH = 64


class BiomedCLIPEncoder(Encoder):
    """ViT-B/16 and PubMedBERT in one 512-dimensional space.

    Args:
        folder: The checkpoint as on the hub: config, weights and tokenizer.
        device: A ``--device`` value.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """

    name = "biomedclip"
    takes_weights = True

    def __init__(self, folder: Path, *, device: str = "auto") -> None:
        folder = checked_folder(folder)
        self._device = resolve_device(device)
        self._weights = weight_file(folder)
        try:
            config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["model_cfg"]
            self.dim = int(config["embed_dim"])
            bert = str(_bert_config_dir(folder, self._weights))
            text_config = dict(config["text_cfg"], hf_model_name=bert, hf_model_pretrained=False)
            self._model, self._preprocess = open_clip.create_model_from_pretrained(
                f"local-dir:{folder}",
                text_cfg=text_config,
                device=self._device,
                # The hub's own file is a pickle: only torch's restricted reader may open it, which
                # builds tensors and nothing else.
                weights_only=True,
            )
            self._tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        except (
            OSError,
            ValueError,
            KeyError,
            RuntimeError,
            SafetensorError,
            UnpicklingError,
        ) as error:
            raise WeightsUnavailableError(
                f"{folder} holds no readable BiomedCLIP: {str(error).splitlines()[0]}",
                hint=how_to_get(),
            ) from error
        # open_clip hands the model over in training mode, where BERT's dropout changes every text.
        self._model.eval()

    @classmethod
    def load(cls, *, weights: Path | None = None, device: str = "auto") -> BiomedCLIPEncoder:
        """Return BiomedCLIP from a folder, from the hub cache, or downloaded into that cache."""
        return cls(weights or find_biomedclip() or _download(), device=device)

    @property
    def fingerprint(self) -> Fingerprint:
        """Name, weights and preprocessing of this encoder."""
        steps = self._model.visual.preprocess_cfg
        return Fingerprint(
            name=self.name,
            weights_sha256=weight_sha256(self._weights),
            preprocessing=(
                f"RGB, {steps['resize_mode']} side to {steps['size']} {steps['interpolation']}, "
                f"centre crop, mean {list(steps['mean'])}, std {list(steps['std'])}"
            ),
            dim=self.dim,
        )

    def shrink(self, image: Pixels) -> Pixels:
        """Return the image in RGB, as preprocessing scales it first."""
        return np.asarray(self._preprocess.transforms[0](PILImage.fromarray(to_rgb(image))))

    def towers(self) -> Towers:
        """Return both halves of the model for another runtime."""
        return open_clip_towers(self._model, self._tokenizer)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        batch = torch.stack(
            [self._preprocess(PILImage.fromarray(to_rgb(image))) for image in images]
        )  # (B, 3, H, W)
        with torch.inference_mode():
            embeddings = self._model.encode_image(batch.to(self._device))
        return np.asarray(embeddings.float().cpu().numpy())

    def _embed_text_batch(self, texts: Sequence[str]) -> npt.NDArray[np.floating]:
        tokens = self._trim(self._tokenizer(list(texts)))
        with torch.inference_mode():
            embeddings = self._model.encode_text(tokens.to(self._device))
        return np.asarray(embeddings.float().cpu().numpy())

    def _trim(self, tokens: torch.Tensor) -> torch.Tensor:
        """Cut the padding all texts share: the mask hides it, so only time is saved."""
        used = int((tokens != self._model.text.config.pad_token_id).sum(dim=1).max())
        return tokens[:, : -(-used // 8) * 8]


def _download() -> Path:
    if settings.offline():
        raise WeightsUnavailableError(
            "BiomedCLIP's weights are not on this machine and the network is off limits",
            hint=how_to_get(),
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError

    note(f"downloading {REPOSITORY} (784 MB), once")
    try:
        return Path(snapshot_download(REPOSITORY, allow_patterns=list(WANTED_FILES)))
    except GatedRepoError as error:
        raise WeightsUnavailableError(
            f"{REPOSITORY} asks for a login",
            hint="run `hf auth login`, accept its terms, try again",
        ) from error
    except Exception as error:  # the hub raises its own errors, httpx's and the system's
        raise WeightsUnavailableError(
            f"BiomedCLIP's weights could not be downloaded: {str(error).splitlines()[0]}",
            hint=how_to_get(),
        ) from error


def _bert_config_dir(folder: Path, weights: Path) -> Path:
    """Return a folder whose ``config.json`` describes the text tower; written when absent."""
    own = folder / "config.json"
    if own.is_file() and json.loads(own.read_text(encoding="utf-8")).get("model_type") == "bert":
        return folder
    config = _bert_config(weights)
    name = "-".join(str(config.get(key, "base")) for key in ("hidden_size", "num_hidden_layers"))
    written = settings.cache_dir() / "biomedclip" / f"bert-{name}"
    write_json(written / "config.json", config)
    return written.resolve()


def _bert_config(weights: Path) -> dict[str, Any]:
    """Return the BERT config that fits a weight file; BERT-base for one that is not safetensors."""
    config: dict[str, Any] = {"model_type": "bert", "architectures": ["BertModel"]}
    if weights.suffix != ".safetensors":
        return config
    with safe_open(weights, "pt") as tensors:
        shapes = {
            key.removeprefix("text.transformer."): tensors.get_slice(key).get_shape()
            for key in tensors.keys()  # noqa: SIM118 - not a dict
            if key.startswith("text.transformer.")
        }
    vocabulary, width = shapes["embeddings.word_embeddings.weight"]
    layers = {key.split(".")[2] for key in shapes if key.startswith("encoder.layer.")}
    return {
        **config,
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": len(layers),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "intermediate_size": shapes["encoder.layer.0.intermediate.dense.weight"][0],
        "max_position_embeddings": shapes["embeddings.position_embeddings.weight"][0],
    }
