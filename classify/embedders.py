"""Encoders from another floor: what turns images into embeddings for a linear probe to read.

The subsystems do not know each other, so whoever runs both says here how an encoder is loaded.
"""

from __future__ import annotations

from collections.abc import Callable

from medx.core.embedders import Embedder, Fingerprint
from medx.core.errors import InputError

__all__ = ["Embedder", "Fingerprint", "load_embedder", "provide_embedders"]

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
