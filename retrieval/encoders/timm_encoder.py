"""The pooled features of any timm network (Wightman 2019) as embeddings of images."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import timm
import torch
from PIL import Image as PILImage
from safetensors import SafetensorError

from medx.core.device import resolve_device
from medx.core.errors import InputError, UnknownNameError, WeightsUnavailableError
from medx.core.images import Pixels, to_rgb
from medx.core.models.timm_weights import check_complete, find_timm_weights
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.weight_hash import weight_sha256

HINT = "name a .safetensors file or its folder with --weights"


class TimmEncoder(Encoder):
    """What the last linear layer of a network reads of an image; it knows no words.

    Args:
        network: A timm name.
        weights: A ``.safetensors`` file of that network.
        device: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        WeightsUnavailableError: When the file is damaged.
        InputError: When it is of another network.
    """

    takes_weights = True
    supports_text = False

    def __init__(self, network: str, weights: Path, *, device: str) -> None:
        self.name = f"timm:{network}"
        self._device = device
        self._weights = weights
        overlay = {"file": str(weights)}
        try:
            model = timm.create_model(
                network, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay
            )
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise WeightsUnavailableError(
                f"{weights} holds no weights of {network}: {reason}", hint=HINT
            ) from error
        check_complete(model, weights)
        self._model = model.to(device).eval()
        self._steps = timm.data.resolve_model_data_config(model)
        self._transform = timm.data.create_transform(**self._steps, is_training=False)
        self.dim = int(model.head_hidden_size)

    @classmethod
    def load(
        cls, *, weights: Path | None = None, device: str = "auto", member: str = ""
    ) -> TimmEncoder:
        """Return a network with its published weights, or with those of a file or folder.

        Raises:
            UnknownNameError: When timm knows no such network.
            InputError: When the file is missing or of another kind.
            WeightsUnavailableError: When the weights cannot be had.
        """
        if not member:
            raise InputError("say which timm network", hint="--encoder timm:NAME")
        if not timm.is_model(member):
            near = difflib.get_close_matches(member, timm.list_models(), n=6, cutoff=0.5)
            raise UnknownNameError("timm network", member, near)
        file = find_timm_weights(member, weights, hint=HINT)
        return cls(member, file, device=resolve_device(device))

    @property
    def fingerprint(self) -> Fingerprint:
        """Name, weights and preprocessing of this encoder."""
        steps = self._steps
        return Fingerprint(
            name=self.name,
            weights_sha256=weight_sha256(self._weights),
            preprocessing=(
                f"RGB, to {steps['input_size'][1:]} {steps['interpolation']}, {steps['crop_mode']} "
                f"crop {steps['crop_pct']}, mean {list(steps['mean'])}, std {list(steps['std'])}"
            ),
            dim=self.dim,
        )

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        prepared = [self._transform(PILImage.fromarray(to_rgb(image))) for image in images]
        with torch.inference_mode():
            maps = self._model.forward_features(torch.stack(prepared).to(self._device))
            features = self._model.forward_head(maps, pre_logits=True)
        return np.asarray(features.float().cpu().numpy())
