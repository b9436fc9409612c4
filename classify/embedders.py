"""Encoders from another floor: what turns images into embeddings for a linear probe to read.

The subsystems do not know each other, so whoever runs both says here how an encoder is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medx.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from medx.core.images import Pixels

#: What makes an encoder the same one: its name, weights, preprocessing and length of embedding.
Fingerprint = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedder:
    """An encoder as a plain function.

    Args:
        name: What people call it.
        fingerprint: Equal fingerprints give equal embeddings.
        dim: Length of an embedding.
        embed: From ``uint8`` images ``(H, W[, 3])`` to embeddings ``(N, dim)``.
    """

    name: str
    fingerprint: Fingerprint
    dim: int
    embed: Callable[[Sequence[Pixels]], npt.NDArray[np.float32]]


#: From an encoder's name, its weights (None: the usual place) and a ``--device`` value.
Loader = Callable[[str, "str | None", str], Embedder]

_loaders: list[Loader] = []


def provide_embedders(loader: Loader) -> None:
    """Say how encoders are loaded; the last one said counts."""
    _loaders[:] = [loader]


def load_embedder(name: str, weights: str | None = None, device: str = "auto") -> Embedder:
    """Load an encoder by name.

    Raises:
        InputError: When nobody said how.
    """
    if not _loaders:
        raise InputError(
            f"the encoder {name!r} belongs to another part of medx",
            hint="call classify.embedders.provide_embedders first, as the medx command does",
        )
    return _loaders[0](name, weights, device)
