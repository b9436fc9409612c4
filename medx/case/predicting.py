"""Cases from a dataset or from files, with what the classifier says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classify.config import TrainConfig
from classify.ledger import meets_test, record_evaluation
from classify.predict import Classifier, load_classifier
from classify.runs import dataset_key, find_train_run
from classify.training.train import train
from medx.case.cases import Case
from medx.case.names import name_images
from medx.core import runs
from medx.core.console import note, warn
from medx.core.errors import CheckpointError, InputError, MedxError
from medx.core.images import Image, read_image
from medx.core.values import Prediction
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset, Record
from medx.embedder import join_subsystems
from reportgen.samples import Candidate, choose_samples

join_subsystems()


def predict_cases(
    dataset_name: str,
    *,
    split: str,
    data_dir: Path | None = None,
    run_dir: Path | None = None,
    device: str = "auto",
    limit: int | None = None,
    paths: Sequence[Path] = (),
) -> list[Case]:
    """Read and predict a split's images, or image files; neighbours are still to be found.

    A classifier is trained first, with a note, where there is none yet.

    Args:
        dataset_name: Whose classifier to use.
        split: Which images, when ``paths`` is empty.
        data_dir: Where ``.npz`` datasets are searched first.
        run_dir: A train run; None takes the latest of the dataset.
        device: A ``--device`` value.
        limit: Only the first so many images.
        paths: Image files to take instead of the split; an unreadable one is skipped and said,
            unless it is the only one.

    Raises:
        InputError: When no image could be read.
    """
    dataset = load_dataset(dataset_name, data_dir=data_dir)
    chosen = _file_dataset(dataset, paths) if paths else dataset.split(split)
    images = _read(chosen.where(lambda _: True, limit=limit))
    train_dir = run_dir or ensure_classifier(dataset, dataset_name, device=device)
    classifier = load_classifier(train_dir, device=device)
    if not paths and meets_test(record for record, _ in images):
        # Its mistakes will be looked for among these, by their labels.
        record_evaluation(train_dir, dataset.name, split, len(images))
    cases = predict_images(classifier, train_dir, dataset, images, from_file=bool(paths))
    return [replace(case, synthetic=chosen.synthetic) for case in cases]


def predict_images(
    classifier: Classifier,
    train_dir: Path,
    dataset: Dataset,
    images: Sequence[tuple[Record, Image]],
    *,
    from_file: bool,
    predictions: Sequence[Prediction] | None = None,
) -> list[Case]:
    """Return a case of every image.

    Args:
        classifier: The one of ``train_dir``.
        train_dir: Its run.
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
            train_dir=train_dir,
            reference_label=record.label,
            dataset=dataset.name,
            modality=dataset.modality,
            synthetic=dataset.synthetic and not from_file,
            from_file=from_file,
        )
        for (record, image), prediction in zip(images, predictions, strict=True)
    ]


def choose_cases(cases: Sequence[Case], num_samples: int, *, seed: int) -> list[Case]:
    """Choose normals, positives and the classifier's mistakes; see ``choose_samples``."""
    by_id = {case.id: case for case in cases}
    candidates = [
        Candidate(id=c.id, label=c.reference_label, prediction=c.prediction) for c in cases
    ]
    chosen = choose_samples(candidates, num_samples, seed=seed)
    return [replace(by_id[sample.id], kind=sample.kind) for sample in chosen]


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


def _file_dataset(dataset: Dataset, paths: Sequence[Path]) -> Dataset:
    """Return image files as unlabelled records of nobody knows what origin."""
    records = tuple(
        Record(id=name, path=str(path))
        for name, path in zip(name_images(paths), paths, strict=True)
    )
    return replace(
        dataset, records=records, reader=lambda record: read_image(record.path), synthetic=False
    )


def _read(dataset: Dataset) -> list[tuple[Record, Image]]:
    images = []
    for record in dataset.records:
        try:
            images.append((record, dataset.read(record)))
        except MedxError as error:
            if len(dataset) == 1:
                raise
            # Logs keep this line, and a path may name a patient.
            warn(f"skipped {record.id}: {str(error).replace(record.path, record.id)}")
    if not images:
        raise InputError(f"no readable image in {dataset.name}", hint="check the files")
    return images
