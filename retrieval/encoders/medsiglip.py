"""MedSigLIP (Sellergren et al. 2025, arXiv:2507.05201), or any other SigLIP, by transformers.

The weights are gated: the terms have to be accepted on the hub before they can be fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError

from medx.core.device import resolve_device
from medx.core.errors import WeightsUnavailableError
from medx.core.hub import fetch_snapshot
from medx.core.images import Pixels
from medx.core.models.catalogue import CATALOGUE
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.runtimes.image_steps import ImageSteps
from retrieval.encoders.siglip_text import open_tokenizer, pad_tokens
from retrieval.encoders.weight_hash import weight_sha256

MEDSIGLIP = CATALOGUE["medsiglip"]

#: Pillow's numbers of the filters, as a processor's config gives them.
RESAMPLING = {2: "bilinear", 3: "bicubic"}


class MedSigLIPEncoder(Encoder):
    """Two SigLIP towers in one space: 1152 dimensions and 448 px for Google's.

    Args:
        folder: As on the hub: config, safetensors, processor and tokenizer.
        device: A ``--device`` value.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """

    name = "medsiglip"
    takes_weights = True

    def __init__(self, folder: Path, *, device: str = "auto") -> None:
        hint = MEDSIGLIP.how_to_get()
        if missing := MEDSIGLIP.missing_files(folder):
            what = f"lacks {', '.join(missing)}" if folder.is_dir() else "is not a folder"
            raise WeightsUnavailableError(f"{folder} {what}", hint=hint)
        self._device = resolve_device(device)
        self._folder = folder
        try:
            self._steps = _image_steps(folder)
            self._model = _load_model(folder).to(self._device).eval()
            self._tokenize = open_tokenizer(folder)
            self.dim = int(self._model.config.vision_config.hidden_size)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise WeightsUnavailableError(
                f"{folder} holds no readable SigLIP: {reason}", hint=hint
            ) from error

    @classmethod
    def load(cls, *, weights: Path | None = None, device: str = "auto") -> MedSigLIPEncoder:
        """Return MedSigLIP from a folder, from the hub cache, or downloaded into that cache.

        Raises:
            WeightsUnavailableError: When it is gated, offline or not to be had; the hint has the
                steps.
        """
        return cls(weights or MEDSIGLIP.find() or _download(), device=device)

    @property
    def fingerprint(self) -> Fingerprint:
        """Name, weights and preprocessing of this encoder."""
        steps = self._steps
        return Fingerprint(
            name=self.name,
            weights_sha256=_weights_sha256(self._folder),
            preprocessing=(
                f"RGB, whole image to ({steps.height}, {steps.width}) {steps.interpolation}, "
                f"mean {list(steps.mean)}, std {list(steps.std)}"
            ),
            dim=self.dim,
        )

    def shrink(self, image: Pixels) -> Pixels:
        """Return the image at the size of the model's input."""
        return self._steps.fit(image)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        inputs = torch.from_numpy(self._steps.apply(images)).to(self._device)
        with torch.inference_mode():
            return _pooled(self._model.get_image_features(pixel_values=inputs))

    def _embed_text_batch(self, texts: Sequence[str]) -> npt.NDArray[np.floating]:
        config = self._model.config.text_config
        ids = pad_tokens(
            self._tokenize(texts),
            length=config.max_position_embeddings,
            pad_id=config.pad_token_id,
            end_id=config.eos_token_id,
        )
        with torch.inference_mode():
            inputs = torch.from_numpy(ids).to(self._device)
            return _pooled(self._model.get_text_features(input_ids=inputs))


def _download() -> Path:
    return fetch_snapshot(
        MEDSIGLIP.repository,
        files=MEDSIGLIP.files,
        revision=MEDSIGLIP.revision,
        hint=MEDSIGLIP.how_to_get(),
    )


def _load_model(folder: Path) -> Any:
    from transformers import SiglipModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    return SiglipModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )


def _image_steps(folder: Path) -> ImageSteps:
    about = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    return ImageSteps.model_validate(
        {
            **about["size"],
            "resize_mode": "squash",
            "interpolation": RESAMPLING[about["resample"]],
            "mean": about["image_mean"],
            "std": about["image_std"],
        }
    )


def _pooled(output: Any) -> npt.NDArray[np.floating]:
    # transformers 4 returned the pooled embedding, 5 an output that holds it.
    pooled = getattr(output, "pooler_output", output)
    return np.asarray(pooled.float().cpu().numpy())


def _weights_sha256(folder: Path) -> str:
    hashes = [weight_sha256(path) for path in sorted(folder.glob("*.safetensors"))]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
