"""What the classifier says of images; a classifier is trained where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from classify.config import TrainConfig
from classify.predict import Classifier
from classify.runs import dataset_key, find_train_run
from classify.training.train import train
from medx.case.cases import Case
from medx.core import runs
from medx.core.console import note
from medx.core.errors import CheckpointError
from medx.core.images import Image
from medx.core.values import Prediction
from medx.datasets.manifest import Dataset, Record
from medx.embedder import join_subsystems

join_subsystems()


def predict_images(
    classifier: Classifier,
    dataset: Dataset,
    images: Sequence[tuple[Record, Image]],
    *,
    from_file: bool,
    predictions: Sequence[Prediction] | None = None,
) -> list[Case]:
    """Return a case of every image.

    Args:
        classifier: What predicts.
        dataset: What it was trained on; the images need not be of it.
        images: Each with the record it is of; a file's has no label.
        from_file: True when the images are no records of the dataset.
        predictions: The classifier's, where it was asked before.
    """
    if predictions is None:
        predictions = classifier.predict(
            [record.id for record, _ in images], [image.pixels for _, image in images]
        )
    return [
        Case(
            id=record.id,
            pixels=image.pixels,
            native_size=image.native_size,
            prediction=prediction,
            reference_label=record.label,
            dataset=dataset.name,
            modality=dataset.modality,
            synthetic=dataset.synthetic and not from_file,
            from_file=from_file,
        )
        for (record, image), prediction in zip(images, predictions, strict=True)
    ]


def ensure_classifier(dataset: Dataset, name: str, *, device: str = "auto") -> Path:
    """Return the newest train run of a dataset, training the default recipe when there is none.

    Args:
        dataset: What to train on.
        name: What the user calls it; runs are found by that name.
        device: A ``--device`` value.
    """
    try:
        found = find_train_run(name)
    except CheckpointError:
        note(f"no classifier of {dataset.name} yet: training the default recipe, once")
        found = runs.create_run_dir("classify", "train")
        train(TrainConfig(dataset=dataset_key(name), device=device), found, dataset)
    note(f"classifier: {found}")
    return found
