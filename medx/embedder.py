"""Encoders of the retrieval subsystem, as the classifier's linear probe takes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from classify.embedders import Embedder


def load_embedder(name: str, weights: str | None, device: str) -> Embedder:
    """Load a retrieval encoder by name.

    Raises:
        UnknownNameError: When no encoder has that name.
        WeightsUnavailableError: When its weights cannot be had.
    """
    from retrieval.encoders.load import load_encoder

    encoder = load_encoder(name, weights=Path(weights) if weights else None, device=device)
    return Embedder(
        name=encoder.name,
        fingerprint=encoder.fingerprint.model_dump(),
        dim=encoder.dim,
        embed=partial(encoder.embed_images, batch_size=64),
    )
