"""Predicting files, folders and datasets, a batch in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from classify.config import PredictConfig
from classify.predict import Classifier
from classify.predict_names import name_files
from classify.results import PredictionSet, Skipped
from classify.trust.label_shift import LabelShift
from classify.trust.measure import shift_of
from classify.trust.ood import colourfulness
from medx.core.console import note, progress_bar, warn
from medx.core.errors import InputError, MedxError
from medx.core.images import Image, Pixels, count_frames, list_images, read_image
from medx.core.quiet import quiet
from medx.core.threads import map_in_threads
from medx.core.values import Prediction
from medx.core.words import many
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import load_manifest

#: Overlays are drawn on images at their own size, which may be large.
DRAWN_AT_ONCE = 16

MANIFESTS = ("manifest.csv", "manifest.parquet")


@dataclass(kw_only=True)
class Found:
    """What came of the images so far.

    Args:
        predictions: Of those that could be read.
        skipped: Those that could not.
        several: How many came from files with several frames.
    """

    predictions: list[Prediction] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    several: int = 0


@dataclass(frozen=True, kw_only=True)
class _Source:
    """An image to read: a record, or one frame of a file; or why it cannot be."""

    id: str
    path: Path | None = None
    frame: int = 0
    record: Record | None = None
    error: MedxError | None = None


def predict_input(
    classifier: Classifier,
    config: PredictConfig,
    part: Dataset | None,
    *,
    overlays: Path | None = None,
) -> PredictionSet:
    """Predict what the settings name: a file, a folder, a manifest, or ``part`` of a dataset.

    Args:
        classifier: The model.
        config: Its ``input`` wins; a ``manifest.csv`` is read as a dataset.
        part: Records to predict when no input is named.
        overlays: As ``predict_paths`` takes it.
    """
    shift = config.label_shift
    if config.input is not None and Path(config.input).name in MANIFESTS:
        named = load_manifest(Path(config.input).parent).split("all", limit=config.limit)
        return predict_dataset(
            classifier, named, config.input, label_shift=shift, overlays=overlays
        )
    if config.input is not None:
        return predict_paths(
            classifier,
            Path(config.input),
            limit=config.limit,
            frames=config.frames,
            label_shift=shift,
            overlays=overlays,
        )
    if part is None:
        raise ValueError("part must be given when the settings name no input")
    source = f"{part.name}, {config.split}"
    return predict_dataset(classifier, part, source, label_shift=shift, overlays=overlays)


def predict_paths(
    classifier: Classifier,
    path: Path,
    *,
    limit: int | None = None,
    frames: str = "first",
    label_shift: str | None = None,
    overlays: Path | None = None,
) -> PredictionSet:
    """Predict an image file, or every image below a folder; unreadable files are listed.

    Args:
        classifier: The model.
        path: File or folder.
        limit: Use only the first N files.
        frames: Of files with several, the ``first`` or ``all``, named ``scan.dcm#frame=3``.
        label_shift: ``em`` or ``bbse`` adds probabilities under the mix of classes of these images.
        overlays: Folder for a heat-map overlay of each image; None draws none.

    Raises:
        InputError: When there is no image, or none that can be read.
    """
    paths = list_images(path)[:limit] if path.is_dir() else [path]
    names = name_files(path, paths)
    if not path.is_dir():
        read_image(path)  # one bad file asked for by name is an error, not a skip

    def read(source: _Source) -> Image:
        return read_image(source.path or path, frame=source.frame)

    sources = _frames_of(paths, names.ids, frames)
    total = len(paths) if frames == "first" else None
    found = _predict(classifier, sources, read, total=total, overlays=overlays)
    notes = []
    if found.several and frames == "first":
        notes.append(f"{found.several} files hold several frames; the first of each was read")
        note(f"{notes[0]} (--frames all reads every one)")
    if names.note:
        notes.append(names.note)
        warn(names.note)
    return _collect(classifier, names.source, found, label_shift, notes)


def predict_dataset(
    classifier: Classifier,
    dataset: Dataset,
    source: str,
    *,
    label_shift: str | None = None,
    overlays: Path | None = None,
) -> PredictionSet:
    """Predict every record of a dataset; its labels are not read.

    Args:
        classifier: The model.
        dataset: Records and their pixels.
        source: What to call it in the result.
        label_shift: As ``predict_paths`` takes it.
        overlays: As ``predict_paths`` takes it.
    """

    def read(item: _Source) -> Image:
        if item.record is None:
            raise ValueError("a source of a dataset must hold its record")
        return dataset.read(item.record)

    sources = (_Source(id=record.id, record=record) for record in dataset.records)
    found = _predict(classifier, sources, read, total=len(dataset), overlays=overlays)
    return _collect(classifier, source, found, label_shift, [])


def _frames_of(
    paths: Sequence[Path], names: Sequence[str], frames: str
) -> Generator[_Source, None, None]:
    for path, name in zip(paths, names, strict=True):
        if frames == "first":
            yield _Source(id=name, path=path)
            continue
        try:
            count = count_frames(path)
        except MedxError as error:
            yield _Source(id=name, error=error)
            continue
        for frame in range(count):
            label = name if count == 1 else f"{name}#frame={frame}"
            yield _Source(id=label, path=path, frame=frame)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ready:
    """An image as the classifier takes it; its own pixels only where they are to be drawn on."""

    id: str
    fitted: Pixels
    colour: float
    several: bool
    original: Pixels | None


def _predict(
    classifier: Classifier,
    sources: Iterable[_Source],
    read: Callable[[_Source], Image],
    *,
    total: int | None,
    overlays: Path | None,
) -> Found:
    """Read and fit in threads, predict in batches, forget the pixels."""

    def prepare(source: _Source) -> _Ready | Skipped:
        try:
            if source.error is not None:
                raise source.error
            image = read(source)
        except MedxError as error:
            reason = str(error)
            if source.path is not None:  # the path may name a patient, the id does not
                reason = reason.replace(str(source.path), source.id)
            return Skipped(id=source.id, reason=reason)
        return _Ready(
            id=source.id,
            fitted=classifier.fit(image.pixels),
            colour=colourfulness(image.pixels),
            several=source.path is not None and _holds_several(source.path, image),
            original=None if overlays is None else image.pixels,
        )

    found, batch = Found(), list[_Ready]()
    most = classifier.batch_size if overlays is None else min(classifier.batch_size, DRAWN_AT_ONCE)
    with progress_bar("predicting", total) as bar, quiet():
        with closing(map_in_threads(prepare, sources)) as results:
            for ready in results:
                bar.advance(bar.task_ids[0])
                if isinstance(ready, Skipped):
                    found.skipped.append(ready)
                    continue
                batch.append(ready)
                if len(batch) == most:
                    _predict_batch(classifier, batch, found, overlays)
                    batch = []
        if batch:
            _predict_batch(classifier, batch, found, overlays)
    if found.skipped:
        first = found.skipped[0].reason
        warn(f"skipped {many(len(found.skipped), 'unreadable image')}, first: {first}")
    return found


def _holds_several(path: Path, image: Image) -> bool:
    if image.facts.get("format") == "DICOM":  # its header was read already
        return int(image.facts.get("frames", 1)) > 1
    return count_frames(path) > 1


def _predict_batch(
    classifier: Classifier, batch: list[_Ready], found: Found, overlays: Path | None
) -> None:
    """Predict what has gathered, and draw it when asked."""
    names = [ready.id for ready in batch]
    fitted = np.stack([ready.fitted for ready in batch])
    predictions = classifier.predict_fitted(names, fitted, [ready.colour for ready in batch])
    found.predictions.extend(predictions)
    found.several += sum(ready.several for ready in batch)
    if overlays is not None:
        from classify.explanation.overlays import save_heatmaps  # draws; most predictions do not

        target = [classifier.classes.index(prediction.label) for prediction in predictions]
        originals = [ready.original for ready in batch if ready.original is not None]
        save_heatmaps(classifier, names, originals, overlays, target=target)


def _collect(
    classifier: Classifier,
    source: str,
    found: Found,
    label_shift: str | None,
    notes: list[str],
) -> PredictionSet:
    predictions = found.predictions
    if not predictions:
        raise InputError(f"no readable image in {source}", hint="check the files")
    counts = Counter(p.label for p in predictions)
    shift = None
    if label_shift is not None:
        shift, predictions = _shift(classifier, predictions, label_shift)
    return PredictionSet(
        classifier=classifier.name,
        source=source,
        operating_point=classifier.description.operating_point,
        operating_point_rule=classifier.description.operating_point_rule,
        conformal_level=classifier.level,
        label_shift=shift,
        counts={name: counts[name] for name in classifier.classes},
        abstained=sum(p.abstain is True for p in predictions),
        out_of_distribution=sum(p.out_of_distribution is True for p in predictions),
        notes=notes,
        predictions=predictions,
        skipped=found.skipped,
    )


def _shift(
    classifier: Classifier, predictions: list[Prediction], method: str
) -> tuple[LabelShift, list[Prediction]]:
    """Return the estimated mix of classes, and predictions with figures under it added."""
    probs = np.array([list(p.probabilities.values()) for p in predictions])
    shift = shift_of(classifier, probs, method)
    adjusted = shift.adjust(probs)
    shifted = [
        p.model_copy(
            update={
                "shifted_probabilities": dict(zip(classifier.classes, row, strict=True)),
                "shifted_label": classifier.classes[int(np.argmax(row))],
            }
        )
        for p, row in zip(predictions, adjusted.tolist(), strict=True)
    ]
    return shift, shifted
