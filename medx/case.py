"""One study through the subsystems: what the classifier and the archive say of each image.

The subsystems do not know each other; this floor takes one's result to the next as a plain value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classify.config import TrainConfig
from classify.predict import load_classifier
from classify.runs import dataset_key, find_train_run
from classify.train import train
from medx.core import runs
from medx.core.console import note, warn
from medx.core.errors import CheckpointError, InputError, MedxError
from medx.core.images import Image, Pixels, read_image
from medx.core.values import Hit, Prediction
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset, Record
from reportgen.evidence import Evidence
from reportgen.item import ReportItem
from reportgen.samples import Candidate, SampleKind, choose_samples
from retrieval.config import GalleryConfig
from retrieval.gallery import Gallery, open_gallery
from retrieval.search import id_search, image_search

#: Neighbours come from here, so that no image is explained by another of its own split.
GALLERY_SPLIT = "train"
NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One image with what was found out about it.

    Args:
        id: Record id, or file name.
        pixels: ``uint8`` ``(H, W)`` or ``(H, W, 3)`` as read.
        native_size: Height and width of the file in pixels.
        prediction: The classifier's.
        neighbours: The most similar images of the train split, the image itself left out by id.
        reference_label: The dataset's label, for choosing samples and for pages; never evidence.
        dataset: Name of the dataset the classifier and the gallery come from.
        modality: What kind of image the dataset says it holds.
        synthetic: True when the image was drawn, not taken.
    """

    id: str
    pixels: Pixels
    native_size: tuple[int, int]
    prediction: Prediction
    neighbours: list[Hit]
    reference_label: str | None
    dataset: str
    modality: str
    synthetic: bool


def gather_cases(
    dataset_name: str,
    *,
    split: str,
    data_dir: Path | None = None,
    run_dir: Path | None = None,
    index: str | None = None,
    device: str = "auto",
    limit: int | None = None,
    paths: Sequence[Path] = (),
) -> list[Case]:
    """Predict and find the neighbours of a split's images, or of image files.

    A classifier is trained and an index built first, with a note, where there is none yet.

    Args:
        dataset_name: Whose classifier and gallery to use.
        split: Which images, when ``paths`` is empty.
        data_dir: Where ``.npz`` datasets are searched first.
        run_dir: A train run; None takes the latest of the dataset.
        index: An index; None takes the dataset's own.
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
    predictions = classifier.predict(
        [record.id for record, _ in images], [image.pixels for _, image in images]
    )
    gallery = open_gallery(
        GalleryConfig(index=index, dataset=dataset_name, data_dir=data_dir, device=device)
    )
    return [
        Case(
            id=record.id,
            pixels=image.pixels,
            native_size=image.native_size,
            prediction=prediction,
            neighbours=find_neighbours(gallery, record.id, image.pixels, indexed=not paths),
            reference_label=record.label,
            dataset=dataset.name,
            modality=dataset.modality,
            synthetic=chosen.synthetic,
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


def find_neighbours(
    gallery: Gallery, name: str, pixels: Pixels, *, indexed: bool, top_k: int = NEIGHBOURS
) -> list[Hit]:
    """Return the most similar images of the gallery's train split.

    Args:
        gallery: The archive.
        name: Id of the image.
        pixels: The image.
        indexed: True when ``name`` is a record of the gallery's dataset; it is then left out.
        top_k: How many at most.
    """
    available = gallery.index.description.splits.get(GALLERY_SPLIT, 0) - 1
    if available < 1:
        return []
    top_k = min(top_k, available)
    if indexed and name in gallery.index.items:
        found = id_search(gallery.index, name, top_k=top_k, split=GALLERY_SPLIT)
    else:
        found = image_search(
            gallery.index, gallery.encoder, pixels, name=name, top_k=top_k, split=GALLERY_SPLIT
        )
    return list(found.hits)


def report_items(cases: Sequence[Case], kinds: Mapping[str, SampleKind | None]) -> list[ReportItem]:
    """Return the evidence of the chosen cases; the reference label stays outside of it.

    Args:
        cases: What was found out.
        kinds: Ids to report on, each with why it was chosen.
    """
    by_id = {case.id: case for case in cases}
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
            ),
            pixels=case.pixels,
            reference_label=case.reference_label,
            kind=kind,
        )
        for case, kind in ((by_id[name], kind) for name, kind in kinds.items())
    ]


def sample_kinds(
    cases: Sequence[Case], num_samples: int, *, seed: int
) -> dict[str, SampleKind | None]:
    """Choose normals, positives and the classifier's mistakes; see ``choose_samples``."""
    candidates = [
        Candidate(id=c.id, label=c.reference_label, prediction=c.prediction) for c in cases
    ]
    return {s.id: s.kind for s in choose_samples(candidates, num_samples, seed=seed)}


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
