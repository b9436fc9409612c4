"""The head of an adapted encoder: what it does to embeddings, by NumPy alone, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from medx.core.errors import WeightsUnavailableError
from retrieval.encoders.base import Embeddings, normalize

HEAD_FILE = "adapter.safetensors"

#: The tensors of each shape of head.
TENSORS = {"linear": ("turn.weight",), "mlp": ("up.weight", "up.bias", "down.weight", "down.bias")}


class AdapterHead:
    """A function of unit-length embeddings; before training it changes nothing.

    Args:
        tensors: Those of one shape of ``TENSORS``.
    """

    def __init__(self, tensors: dict[str, npt.NDArray[np.float32]]) -> None:
        self.tensors = {name: np.asarray(t, np.float32) for name, t in tensors.items()}

    @classmethod
    def load(cls, folder: Path, kind: str, dim: int) -> AdapterHead:
        """Read the head of an adapted encoder.

        Raises:
            WeightsUnavailableError: When the file is missing, damaged or of another shape.
        """
        path = folder / HEAD_FILE
        again = "adapt the encoder again with `medx retrieve adapt`"
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise WeightsUnavailableError(f"{path} cannot be read: {error}", hint=again) from error
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        if set(shapes) != set(TENSORS.get(kind, ())) or not _fits(shapes, dim):
            raise WeightsUnavailableError(f"{path} holds no {kind} head of dim {dim}", hint=again)
        return cls(tensors)

    def __call__(self, embeddings: Embeddings) -> Embeddings:
        """Return adapted embeddings ``(N, dim)`` of unit length."""
        held = self.tensors
        if "turn.weight" in held:
            return normalize(embeddings @ held["turn.weight"].T)
        # Coordinates of unit vectors shrink with their number; a layer wants them near 1.
        scaled = embeddings * np.float32(np.sqrt(embeddings.shape[1]))
        hidden = np.maximum(scaled @ held["up.weight"].T + held["up.bias"], 0.0)
        return normalize(embeddings + hidden @ held["down.weight"].T + held["down.bias"])


def _fits(shapes: dict[str, tuple[int, ...]], dim: int) -> bool:
    if "turn.weight" in shapes:
        return shapes["turn.weight"] == (dim, dim)
    hidden = shapes["up.bias"][0] if len(shapes["up.bias"]) == 1 else -1
    wanted = {"up.weight": (hidden, dim), "down.weight": (dim, hidden), "down.bias": (dim,)}
    return all(shapes[name] == shape for name, shape in wanted.items())
