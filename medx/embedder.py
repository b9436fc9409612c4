"""What joins classifier and archive: each may read images through what the other one learned."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from classify.embedders import provide_embedders
from medx.core.embedders import Embedder
from retrieval.encoders.classifiers import ClassifierRun, provide_classifiers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from classify.predict import Classifier
    from medx.core.images import Pixels


def join_subsystems() -> None:
    """Let a linear probe read any encoder, and an index be made by any trained classifier."""
    provide_embedders(load_embedder)
    provide_classifiers(load_classifier_run)


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


def load_classifier_run(run: str, device: str) -> ClassifierRun:
    """Load a trained classifier as an embedder.

    Args:
        run: A run folder, or the name of one under the output folder.
        device: A ``--device`` value.

    Raises:
        CheckpointError: When there is no such run, or a damaged one.
    """
    from classify.predict import load_classifier
    from classify.runs import find_train_run

    run_dir = find_train_run("", run)
    classifier = load_classifier(run_dir, device)
    about = classifier.description
    colours = "RGB" if about.colour else "grey"
    fingerprint = {
        "name": classifier.name,
        "weights_sha256": about.weights_sha256,
        "preprocessing": f"{colours}, whole image to {about.size}×{about.size} bilinear, "
        f"mean {about.mean}, std {about.std}, normalised by {about.normalise}",
        "dim": classifier.network.num_features,
    }
    embedder = Embedder(
        name=classifier.name,
        fingerprint=fingerprint,
        dim=classifier.network.num_features,
        embed=partial(_features, classifier),
    )
    return ClassifierRun(embedder, run_dir.resolve())


def _features(classifier: Classifier, images: Sequence[Pixels]) -> npt.NDArray[np.float32]:
    import numpy as np

    return classifier.features(np.stack([classifier.fit(image) for image in images]))
