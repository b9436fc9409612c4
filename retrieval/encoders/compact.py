"""`compact`: medx's own small dual encoder, answered by NumPy alone.

The weights are those of ``retrieval.training.compact_model``; batch normalisation is folded into
the convolutions when they are read, and convolutions run as one matrix product each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from medx.core.errors import WeightsUnavailableError
from medx.core.files import sha256_file
from medx.core.images import Pixels, resize, to_grey
from retrieval.encoders.base import Encoder, Fingerprint, UnknownWords
from retrieval.encoders.vocabulary import Vocabulary

Array = npt.NDArray[np.float32]

BATCH_NORM_EPSILON = 1e-5
LAYER_NORM_EPSILON = 1e-5


class CompactEncoder(Encoder):
    """An image tower of residual convolutions and a text tower of two transformer layers."""

    name = "compact"
    takes_weights = True
    on_torch = False

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or Path(str(resources.files("retrieval"))) / "weights"
        self._about, self._weights = _read(folder)
        architecture = self._about["architecture"]
        self.dim = int(architecture["dim"])
        self._size = int(architecture["image_size"])
        self._heads = int(architecture["text_heads"])
        self._vocabulary = Vocabulary(tuple(self._about["words"]))
        self._sha256 = sha256_file(folder / "compact.safetensors")
        self._blocks = _fold_blocks(self._weights)

    @classmethod
    def load(cls, *, weights: Path | None = None, device: str = "auto") -> CompactEncoder:
        """Return the encoder in the package, or one trained into the folder ``weights``."""
        del device
        return cls(weights)

    @property
    def fingerprint(self) -> Fingerprint:
        """Name, weights and preprocessing of this encoder."""
        return Fingerprint(
            name=self.name,
            weights_sha256=self._sha256,
            preprocessing=f"grey, whole image to {self._size}×{self._size} bilinear, 4x - 2",
            dim=self.dim,
        )

    def shrink(self, image: Pixels) -> Pixels:
        """Return the grey square that the image tower looks at."""
        return resize(to_grey(image), self._size)

    def unknown_words(self, text: str) -> UnknownWords:
        """Return the words of ``text`` that training never showed."""
        words, all_unknown = self._vocabulary.unknown(text)
        return UnknownWords(words=words, all_unknown=all_unknown)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> Array:
        maps = self._image_maps(images)
        return np.asarray(maps.mean((1, 2)) @ self._weights["image.projection.weight"].T)

    def patch_similarities(self, pixels: Pixels, direction: Array) -> Array:
        """Return what each place ``(rows, cols)`` adds; their mean is the image's similarity.

        Places of short embedding add little, which their cosine would hide.
        """
        places = self._embed_patches(pixels)
        return np.asarray(places @ direction / np.linalg.norm(places.mean((0, 1))))

    def _embed_patches(self, pixels: Pixels) -> Array:
        # The projection of the mean is the mean of the projections (class activation maps, Zhou et
        # al. 2016): an image's embedding is made of these, up to its length.
        return np.asarray(
            self._image_maps([pixels])[0] @ self._weights["image.projection.weight"].T
        )

    def _image_maps(self, images: Sequence[Pixels]) -> Array:
        """Return what the convolutions see ``(B, rows, columns, channels)``."""
        grey = np.stack([self.shrink(image) for image in images])
        hidden = grey[..., None].astype(np.float32) * (4.0 / 255.0) - 2.0  # (B, H, W, 1)
        stem, *blocks = self._blocks
        hidden = np.maximum(_convolve(hidden, *stem[0], stride=2), 0.0)
        for main1, main2, shortcut in blocks:
            stride = 2 if shortcut else 1
            kept = _convolve(hidden, *shortcut, stride=stride) if shortcut else hidden
            hidden = np.maximum(_convolve(hidden, *main1, stride=stride), 0.0)
            hidden = np.maximum(_convolve(hidden, *main2) + kept, 0.0)
        return hidden

    def _embed_text_batch(self, texts: Sequence[str]) -> Array:
        weights = self._weights
        ids = self._vocabulary.encode(texts)
        mask = ids > 0
        visible = mask | ~mask.any(1, keepdims=True)
        hidden = weights["text.words.weight"][ids] + weights["text.positions"][: ids.shape[1]]
        for i in range(int(self._about["architecture"]["text_depth"])):
            layer = {
                key.removeprefix(f"text.layers.{i}."): value
                for key, value in weights.items()
                if key.startswith(f"text.layers.{i}.")
            }
            hidden = _transform(hidden, visible, layer, self._heads)
        hidden = _layer_norm(hidden, weights["text.norm.weight"], weights["text.norm.bias"])
        share = mask / np.maximum(mask.sum(1, keepdims=True), 1)
        pooled = (hidden * share[..., None]).sum(1)
        return np.asarray(pooled @ weights["text.projection.weight"].T, np.float32)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        about = json.loads((folder / "compact.json").read_text(encoding="utf-8"))
        halves = load_file(folder / "compact.safetensors")
    except (OSError, json.JSONDecodeError, SafetensorError) as error:
        raise WeightsUnavailableError(
            f"no readable compact encoder in {folder}: {error}",
            hint="train one with `medx retrieve train-encoder`, or reinstall medx",
        ) from error
    return about, {name: value.astype(np.float32) for name, value in halves.items()}


def _fold_blocks(weights: dict[str, Array]) -> list[Any]:
    """Return the stem and every block as ``(matrix (9 C, K), bias (K,))`` convolutions."""
    folded: list[Any] = [(_fold(weights, "image.stem", "image.stem_norm"),)]
    count = 1 + max(int(key.split(".")[2]) for key in weights if key.startswith("image.blocks."))
    for i in range(count):
        block = f"image.blocks.{i}"
        shortcut = f"{block}.shortcut"
        folded.append(
            (
                _fold(weights, f"{block}.conv1", f"{block}.norm1"),
                _fold(weights, f"{block}.conv2", f"{block}.norm2"),
                _fold(weights, shortcut, f"{block}.shortcut_norm")
                if f"{shortcut}.weight" in weights
                else None,
            )
        )
    return folded


def _fold(weights: dict[str, Array], conv: str, norm: str) -> tuple[Array, Array]:
    """Fold y = (conv(x) - mean) / std * gain + shift into one convolution."""
    kernel = weights[f"{conv}.weight"]  # (K, C, h, w)
    gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
    # Rows ordered (h, w, C) to match the patches that `_convolve` gathers.
    matrix = (kernel * gain[:, None, None, None]).transpose(2, 3, 1, 0)
    return np.ascontiguousarray(matrix.reshape(-1, kernel.shape[0])), bias


def _convolve(images: Array, matrix: Array, bias: Array, *, stride: int = 1) -> Array:
    """Convolve ``(B, H, W, C)`` with a 3×3 (padding 1) or 1×1 kernel given as a matrix."""
    batch, height, width, channels = images.shape
    if matrix.shape[0] == channels:
        return np.asarray(images[:, ::stride, ::stride] @ matrix + bias)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
    patches = np.empty((batch, rows, columns, 9, channels), np.float32)
    for k in range(9):
        y, x = divmod(k, 3)
        patches[:, :, :, k] = padded[
            :, y : y + stride * rows : stride, x : x + stride * columns : stride
        ]
    flat = patches.reshape(batch * rows * columns, 9 * channels) @ matrix + bias
    return np.asarray(flat.reshape(batch, rows, columns, -1))


def _transform(
    hidden: Array, visible: npt.NDArray[np.bool_], layer: dict[str, Array], heads: int
) -> Array:
    batch, length, width = hidden.shape
    normed = _layer_norm(hidden, layer["norm1.weight"], layer["norm1.bias"])
    qkv = normed @ layer["qkv.weight"].T + layer["qkv.bias"]
    q, k, v = qkv.reshape(batch, length, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
    scores = q @ k.swapaxes(2, 3) / np.sqrt(width // heads)
    scores = np.where(visible[:, None, None, :], scores, -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    attended = scores / scores.sum(-1, keepdims=True) @ v
    merged = attended.swapaxes(1, 2).reshape(batch, length, width)
    hidden = hidden + merged @ layer["out.weight"].T + layer["out.bias"]
    normed = _layer_norm(hidden, layer["norm2.weight"], layer["norm2.bias"])
    inner = np.maximum(normed @ layer["up.weight"].T + layer["up.bias"], 0.0)
    return np.asarray(hidden + inner @ layer["down.weight"].T + layer["down.bias"], np.float32)


def _layer_norm(hidden: Array, gain: Array, shift: Array) -> Array:
    centred = hidden - hidden.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + LAYER_NORM_EPSILON) * gain + shift)
