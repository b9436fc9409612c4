"""One study through the subsystems: what the classifier and the archive say of each image.

The subsystems do not know each other; this floor takes one's result to the next as a plain value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from classify.config import TrainConfig
from classify.ledger import meets_test, record_evaluation
from classify.predict import load_classifier
from classify.runs import dataset_key, find_train_run
from classify.training.train import train
from medx.core import runs
from medx.core.console import note, warn
from medx.core.content_hash import content_hash
from medx.core.errors import CheckpointError, InputError, MedxError
from medx.core.images import Image, Pixels, read_image
from medx.core.values import Hit, Prediction
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset, Record
from medx.embedder import join_subsystems
from reportgen.evidence import Evidence
from reportgen.item import ReportItem
from reportgen.samples import Candidate, SampleKind, choose_samples
from retrieval.gallery import Gallery
from retrieval.index.related import related_ids
from retrieval.search.queries import id_search, image_search

join_subsystems()

#: Neighbours come from here, so that no image is explained by another of its own split.
GALLERY_SPLIT = "train"
NEIGHBOURS = 5
FILE_NOTE = "classifier and archive were made from {}; this file may differ from it"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One image with what was found out about it.

    Args:
        id: Record id, or file name.
        pixels: ``uint8`` ``(H, W)`` or ``(H, W, 3)`` as read.
        native_size: Height and width of the file in pixels.
        prediction: The classifier's.
        neighbours: The most similar images of the train split, once they were searched.
        reference_label: The dataset's label, for choosing samples and for pages; never evidence.
        dataset: Name of the dataset the classifier and the gallery come from.
        modality: What kind of image the dataset says it holds.
        synthetic: True when the image was drawn, not taken.
        from_file: True when it is no record of the dataset.
        kind: Why it was chosen, for pages.
    """

    id: str
    pixels: Pixels
    native_size: tuple[int, int]
    prediction: Prediction
    reference_label: str | None
    dataset: str
    modality: str
    synthetic: bool
    from_file: bool = False
    neighbours: list[Hit] = field(default_factory=list)
    kind: SampleKind | None = None


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
            synthetic=chosen.synthetic,
            from_file=bool(paths),
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


def add_neighbours(cases: Sequence[Case], gallery: Gallery) -> list[Case]:
    """Return the cases with the most similar images of the gallery's train split."""
    return [replace(case, neighbours=find_neighbours(gallery, case)) for case in cases]


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


def find_neighbours(gallery: Gallery, case: Case, *, top_k: int = NEIGHBOURS) -> list[Hit]:
    """Return the most similar images of the gallery's train split, at most ``top_k``.

    The image itself, images of the very same pixels and images of the same patient are left out:
    their labels would be the answer.
    """
    index = gallery.index
    digest = content_hash(case.pixels)
    known = not case.from_file and case.id in index.items
    # In an index of several datasets the id may be another image's.
    indexed = known and index.items.item(index.items.row(case.id)).content_hash == digest
    excluded = related_ids(index, digest=digest, record_id=case.id if indexed else None)
    if case.id in index.items and case.id not in excluded:
        excluded.append(case.id)  # another image of that name; two of one id would be confusing
    available = index.description.splits.get(GALLERY_SPLIT, 0) - len(excluded)
    if available < 1:
        warn(f"{case.id}: no neighbours, index {index.name} holds too few images of train")
        return []
    top_k = min(top_k, available)
    if indexed:
        found = id_search(index, case.id, top_k=top_k, split=GALLERY_SPLIT, exclude_ids=excluded)
    else:
        found = image_search(
            index,
            gallery.encoder,
            case.pixels,
            name=case.id,
            top_k=top_k,
            split=GALLERY_SPLIT,
            exclude_ids=excluded,
        )
    return list(found.hits)


def report_items(cases: Sequence[Case]) -> list[ReportItem]:
    """Return what reports are written from; the reference label stays outside the evidence."""
    return [
        ReportItem(
            evidence=Evidence(
                image_id=case.id,
                dataset=case.dataset,
                modality=case.modality,
                image_size=case.native_size,
                synthetic=case.synthetic,
                prediction=case.prediction,
                neighbours=case.neighbours,
                notes=[FILE_NOTE.format(case.dataset)] if case.from_file else [],
            ),
            pixels=case.pixels,
            reference_label=case.reference_label,
            kind=case.kind,
        )
        for case in cases
    ]


def _file_dataset(dataset: Dataset, paths: Sequence[Path]) -> Dataset:
    """Return image files as unlabelled records of nobody knows what origin."""
    names = [path.stem for path in paths]
    records = tuple(
        Record(id=path.stem if names.count(path.stem) == 1 else str(path), path=str(path))
        for path in paths
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
            warn(f"skipped {record.id}: {error}")
    if not images:
        raise InputError(f"no readable image in {dataset.name}", hint="check the files")
    return images
