"""Any open_clip model (Ilharco et al. 2021) as an encoder of images, texts and places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage

from medx.core.device import resolve_device
from medx.core.errors import InputError
from medx.core.images import Pixels, to_rgb
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.open_clip_models import OpenCLIPModel, load_folder, load_named
from retrieval.encoders.open_clip_patches import patch_embeddings
from retrieval.encoders.runtimes.towers import Towers, open_clip_towers
from retrieval.encoders.weight_hash import weight_sha256

FOLDER_HINT = "a folder has open_clip_config.json, weights and the tokenizer, as on the hub"


class OpenCLIPEncoder(Encoder):
    """Two towers of open_clip in one space.

    Args:
        loaded: From ``open_clip_models``.
        name: How an index remembers it.
        device: ``cpu``, ``cuda`` or ``mps``; where the model is.
    """

    takes_weights = True

    def __init__(self, loaded: OpenCLIPModel, *, name: str = "open_clip", device: str) -> None:
        self.name = name
        self._device = device
        self._model, self._preprocess, self._tokenizer, self._weights, self._shape = loaded
        with torch.inference_mode():
            self.dim = int(self._model.encode_text(self._tokenizer([""]).to(device)).shape[1])

    @classmethod
    def load(
        cls, *, weights: Path | None = None, device: str = "auto", member: str = ""
    ) -> OpenCLIPEncoder:
        """Return a model by open_clip's name, or that of a folder.

        Args:
            weights: A folder as on the hub; with ``member``, a weight file too.
            device: A ``--device`` value.
            member: ``NAME`` or ``NAME/PRETRAINED``.
        """
        device = resolve_device(device)
        name, _, tag = member.partition("/")
        if weights is not None and (weights.is_dir() or not name):
            loaded = load_folder(weights, device, what="open_clip model", hint=FOLDER_HINT)
        elif weights is not None and not weights.is_file():
            raise InputError(f"no weight file at {weights}", hint="check --weights")
        else:
            loaded = load_named(name, tag, weights, device)
        return cls(loaded, name=f"open_clip:{member}" if member else "open_clip", device=device)

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
                + (f"; model config {self._shape[:16]}" if self._shape else "")
            ),
            dim=self.dim,
        )

    def shrink(self, image: Pixels) -> Pixels:
        """Return the image in RGB, as preprocessing scales it first."""
        return np.asarray(self._preprocess.transforms[0](PILImage.fromarray(to_rgb(image))))

    def towers(self) -> Towers:
        """Return both halves of the model for another runtime."""
        return open_clip_towers(self._model, self._tokenizer)

    def patch_area(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Return the centre square of an image whose shortest side fits the input, else all."""
        steps = self._model.visual.preprocess_cfg
        if steps["resize_mode"] != "shortest":
            return super().patch_area(height, width)
        side = min(height, width)
        top, left = (height - side) / 2 / height, (width - side) / 2 / width
        return (top, left, 1 - top, 1 - left)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        with torch.inference_mode():
            embeddings = self._model.encode_image(self._inputs(images))
        return np.asarray(embeddings.float().cpu().numpy())

    def _embed_text_batch(self, texts: Sequence[str]) -> npt.NDArray[np.floating]:
        tokens = self._trim(self._tokenizer(list(texts)))
        with torch.inference_mode():
            embeddings = self._model.encode_text(tokens.to(self._device))
        return np.asarray(embeddings.float().cpu().numpy())

    def _embed_patches(self, pixels: Pixels) -> npt.NDArray[np.floating]:
        with torch.inference_mode():
            places = patch_embeddings(self._model.visual, self._inputs([pixels]))
        if places is None:
            return super()._embed_patches(pixels)
        return np.asarray(places[0].float().cpu().numpy())

    def _inputs(self, images: Sequence[Pixels]) -> torch.Tensor:
        """Return model inputs ``(B, 3, H, W)``."""
        prepared = [self._preprocess(PILImage.fromarray(to_rgb(image))) for image in images]
        return torch.stack(prepared).to(self._device)

    def _trim(self, tokens: torch.Tensor) -> torch.Tensor:
        """Cut the padding all texts share where a mask hides it, so that only time is saved."""
        config = getattr(getattr(self._model, "text", None), "config", None)
        if config is None:  # open_clip's own text towers see it
            return tokens
        used = int((tokens != config.pad_token_id).sum(dim=1).max())
        return tokens[:, : -(-used // 8) * 8]
