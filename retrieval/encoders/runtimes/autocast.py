"""An encoder whose torch model computes in bf16."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from medx.core.console import warn
from medx.core.device import resolve_device, resolve_precision
from medx.core.images import Pixels
from retrieval.encoders.base import Encoder, Fingerprint, UnknownWords


class AutocastEncoder(Encoder):
    """Another encoder under torch's autocast to bf16.

    Args:
        inner: An encoder that runs on torch.
        device: The ``--device`` value it was loaded with.
    """

    def __init__(self, inner: Encoder, *, device: str) -> None:
        self.name, self.dim = inner.name, inner.dim
        self.supports_text = inner.supports_text
        self._inner = inner
        self._device = resolve_device(device)
        if resolve_precision("auto", self._device) != "bf16":
            warn("this processor only emulates bf16, which is slower than fp32")

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the encoder, at bf16."""
        return self._inner.fingerprint.model_copy(update={"precision": "bf16"})

    def shrink(self, image: Pixels) -> Pixels:
        """Return what the encoder itself shrinks an image to."""
        return self._inner.shrink(image)

    def unknown_words(self, text: str) -> UnknownWords:
        """Return the words that the encoder never learned."""
        return self._inner.unknown_words(text)

    def patch_area(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Return what the encoder's patches cover."""
        return self._inner.patch_area(height, width)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        with self._autocast():
            return self._inner.embed_images(images, batch_size=len(images))

    def _embed_text_batch(self, texts: Sequence[str]) -> npt.NDArray[np.floating]:
        with self._autocast():
            return self._inner.embed_texts(texts, batch_size=len(texts))

    def _embed_patches(self, pixels: Pixels) -> npt.NDArray[np.floating]:
        with self._autocast():
            return self._inner.embed_patches(pixels)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device, torch.bfloat16)
