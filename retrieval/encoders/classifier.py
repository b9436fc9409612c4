"""A classifier that medx trained, as an encoder: its pooled features, under a head nobody asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medx.core.embedders import Embedder
from medx.core.errors import InputError
from medx.core.images import Pixels
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.classifiers import load_classifier_run


class ClassifierEncoder(Encoder):
    """The features of a trained classifier; it knows classes, but no words.

    What it learned from its train split shapes the space: images of that split are no fair test.

    Args:
        embedder: The classifier as a plain function.
        name: How an index remembers it.
    """

    takes_weights = True
    supports_text = False

    def __init__(self, embedder: Embedder, *, name: str) -> None:
        self.name = name
        self.dim = embedder.dim
        self._embedder = embedder

    @classmethod
    def load(
        cls, *, weights: Path | None = None, device: str = "auto", member: str = ""
    ) -> ClassifierEncoder:
        """Return the classifier of a run.

        Args:
            weights: Folder of the run; None finds ``member``.
            device: A ``--device`` value.
            member: Folder of a run, or the name of one under the output folder.

        Raises:
            InputError: When neither names a run, or nobody said how one is loaded.
            CheckpointError: When there is no such run, or a damaged one.
        """
        if weights is None and not member:
            raise InputError("say which classifier", hint="--encoder classifier:RUN")
        run = load_classifier_run(str(weights) if weights is not None else member, device)
        encoder = cls(run.embedder, name=f"classifier:{run.embedder.name}")
        encoder.weights_folder = run.run_dir
        return encoder

    @property
    def fingerprint(self) -> Fingerprint:
        """Name of the run, weights and preprocessing."""
        return Fingerprint.model_validate({**self._embedder.fingerprint, "name": self.name})

    def _embed_image_batch(self, images: Sequence[Pixels]) -> npt.NDArray[np.floating]:
        return self._embedder.embed(images)
