"""An exported encoder: ONNX Runtime or OpenVINO, tokenizers and NumPy; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.core.images import Pixels
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.runtimes import RUNTIMES
from retrieval.encoders.runtimes.exported_files import TOKENIZER_FILE, load_export, tower_file
from retrieval.encoders.runtimes.sessions import Run, open_onnx, open_openvino
from retrieval.encoders.runtimes.text_steps import open_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class ExportedEncoder(Encoder):
    """Two exported towers, each opened when first needed.

    At int8 images and texts go one by one: ONNX Runtime scales the activations of a whole batch
    together, so what else is in the batch would change an embedding. It costs no time.

    Args:
        folder: As ``export_encoder`` wrote it.
        runtime: ``onnx`` or ``openvino``.
        precision: ``fp32``, ``bf16`` or ``int8``.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """

    on_torch = False

    def __init__(self, folder: Path, *, runtime: str = "onnx", precision: str = "fp32") -> None:
        self.description = load_export(folder)
        self.name = self.description.encoder.name
        self.dim = self.description.encoder.dim
        self.folder = folder
        self.runtime = runtime
        self.precision = precision

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the original; at a lower precision one of its own.

        OpenVINO's bf16 is as far from torch's as either is from fp32.
        """
        first = next(name for name, known in RUNTIMES.items() if self.precision in known)
        own = None if self.precision == "fp32" or self.runtime == first else self.runtime
        changes = {"precision": self.precision, "runtime": own}
        return self.description.encoder.model_copy(update=changes)

    def shrink(self, image: Pixels) -> Pixels:
        """Return the image at the size of the model's input."""
        return self.description.image_steps.fit(image)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        steps = self.description.image_steps
        return np.concatenate([self._image(steps.apply(part)) for part in self._parts(images)])

    def _embed_text_batch(self, texts: Sequence[str]) -> npt.NDArray[np.floating]:
        steps = self.description.text_steps
        return np.concatenate(
            [self._text(steps.encode(self._tokenizer, part)) for part in self._parts(texts)]
        )

    def _embed_patches(self, pixels: Pixels) -> npt.NDArray[np.floating]:
        del pixels
        raise InputError(
            f"an exported {self.name} cannot show where in an image a text fits",
            hint="--runtime torch may",
        )

    def _parts(self, items: Sequence[str] | Sequence[Pixels]) -> list[Sequence[Any]]:
        return [[item] for item in items] if self.precision == "int8" else [items]

    @cached_property
    def _image(self) -> Run:
        return self._open("image")

    @cached_property
    def _text(self) -> Run:
        return self._open("text")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return open_tokenizer(self.folder / TOKENIZER_FILE, self.description.text_steps)

    def _open(self, tower: str) -> Run:
        if self.runtime == "openvino":
            return open_openvino(self.folder / tower_file(tower, "fp32"), self.precision)
        # A query embeds one text and ends; images come by the thousand.
        repack = tower == "image"
        return open_onnx(self.folder / tower_file(tower, self.precision), repack=repack)
