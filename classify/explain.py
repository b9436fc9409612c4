"""Where a classifier looked, image by image, and whether that can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.config import as_mapping
from classify.explain_config import ExplainConfig
from classify.explain_page import save_page
from classify.explain_results import Explained, Explanation, Localisation, Sanity
from classify.heatmaps import explain_images, explained_layer, predicted_classes
from classify.ledger import count_evaluations, record_evaluation
from classify.localisation import Boxed, find_boxed, measure_localisation
from classify.overlays import draw_overlay, save_overlay, unused_names
from classify.pointing import MARKED_FROM, TOLERANCE
from classify.predict import Classifier, load_classifier
from classify.results import Skipped
from classify.sanity import check_sanity
from classify.selection import groups_of
from medx.core.console import track
from medx.core.errors import InputError, UnknownNameError
from medx.core.files import write_json
from medx.core.images import Pixels, list_images, read_image
from medx.core.runs import logging_to, save_config
from medx.datasets.manifest import Dataset, Record

Ints = npt.NDArray[np.int64]

SANITY_IMAGES = 32
PICTURES = "overlays"
#: Outcome by (is of the class, was called so), and whether sure means a high probability.
OUTCOMES = {
    "true positive": (True, True),
    "false positive": (False, True),
    "false negative": (True, False),
    "true negative": (False, False),
}
CLASS_BLIND = "eigencam shows what stands out to the network, not what speaks for a class"


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Images with what a classifier says of them.

    Args:
        dataset: Reads them.
        records: The N that could be read.
        skipped: ``(id, reason)`` of those that could not.
        pixels: ``uint8`` ``(N, S, S[, 3])``, as the network takes them.
        probs: Calibrated, ``(N, C)``.
        predicted: Class indices ``(N,)``.
        truth: Class indices ``(N,)``, or None when no image has a label.
    """

    dataset: Dataset
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]
    pixels: Pixels
    probs: npt.NDArray[np.float32]
    predicted: Ints
    truth: Ints | None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture to make: the evidence for class ``target`` in image ``row``."""

    row: int
    target: int
    outcome: str | None = None


def explain(
    train_dir: Path, dataset: Dataset, config: ExplainConfig, output_dir: Path
) -> Explanation:
    """Explain one split of a dataset: pictures, localisation against boxes, sanity check.

    Splits with labels and test images are noted in the test ledger of the train run.

    Args:
        train_dir: Folder of the train run.
        dataset: Labels and boxes are used where it has them.
        config: What to explain and how.
        output_dir: Gets ``metrics.json``, ``index.html`` and the pictures.

    Raises:
        InputError: When some images have labels that are no class of the classifier.
        MissingExtraError: When pytorch-grad-cam is not installed.
        CheckpointError: When the train run is unfinished or damaged.
    """
    classifier = load_classifier(train_dir, config.device, batch_size=config.batch_size)
    part = dataset.split(config.split, limit=config.limit)
    material = _gather(classifier, part)
    count = 0
    if material.truth is not None:
        if any(record.split == "test" for record in material.records):
            record_evaluation(train_dir, part.name, config.split, len(material.records))
        count = count_evaluations(train_dir, part.name)
    return _explain(classifier, material, config, output_dir, split=config.split, looks=count)


def explain_files(train_dir: Path, config: ExplainConfig, output_dir: Path) -> Explanation:
    """Explain the image file or folder that ``config.input`` names, each image's prediction.

    Raises:
        InputError: When there is no image, or none that can be read.
    """
    classifier = load_classifier(train_dir, config.device, batch_size=config.batch_size)
    path = Path(str(config.input))
    root = path if path.is_dir() else path.parent
    files = list_images(path)[: config.limit] if path.is_dir() else [path]
    if not path.is_dir():
        read_image(path)  # one bad file asked for by name is an error, not a skip
    names = [file.relative_to(root).as_posix() for file in files]
    dataset = Dataset(
        name=str(path),
        records=tuple(Record(id=name, path=name) for name in names),
        classes=classifier.classes,
        location=str(path),
        reader=lambda record: read_image(root / record.path),
        colour=classifier.description.colour,
    )
    return _explain(classifier, _gather(classifier, dataset), config, output_dir)


def _gather(classifier: Classifier, part: Dataset) -> Material:
    loaded = part.load_pixels(classifier.size)
    pixels = np.stack([classifier.fit(image) for image in loaded.pixels])
    probs = classifier.probabilities(pixels)
    return Material(
        dataset=part,
        records=loaded.records,
        skipped=loaded.skipped,
        pixels=pixels,
        probs=probs,
        predicted=predicted_classes(classifier, probs),
        truth=_truth(loaded.records, classifier.classes),
    )


def _truth(records: Sequence[Record], classes: Sequence[str]) -> Ints | None:
    """Return class indices, or None when no image has a label."""
    if not any(record.label for record in records):
        return None
    index = {name: i for i, name in enumerate(classes)}
    strange = [record for record in records if record.label not in index]
    if strange:
        raise InputError(
            f"{len(strange)} images have no label or none of the classifier's "
            f"(first: {strange[0].id}: {strange[0].label!r})",
            hint=f"its classes are {', '.join(classes)}",
        )
    return np.array([index[str(record.label)] for record in records], np.int64)


def _explain(
    classifier: Classifier,
    material: Material,
    config: ExplainConfig,
    output_dir: Path,
    *,
    split: str | None = None,
    looks: int = 0,
) -> Explanation:
    wanted = _wanted(classifier, config)
    boxed = _boxed(classifier, material, wanted)
    groups = groups_of(material.records)
    layer = explained_layer(classifier)
    save_config(output_dir, as_mapping(config))
    with logging_to(output_dir):
        result = Explanation(
            run_dir=str(output_dir),
            page="index.html",
            classifier=classifier.name,
            trained_on=classifier.description.dataset,
            source=material.dataset.name,
            synthetic=material.dataset.synthetic,
            split=split,
            n=len(material.records),
            method=config.method,
            layer=layer,
            outcomes=_count_outcomes(classifier, material, wanted),
            images=_draw(classifier, material, boxed, wanted, config, output_dir),
            localisation=_localise(classifier, material, boxed, groups, config),
            tolerance=TOLERANCE,
            marked_from=MARKED_FROM,
            bootstrap_resamples=config.resamples,
            bootstrap_seed=config.seed,
            bootstrap_unit="image" if groups is None else "patient",
            sanity=_check(classifier, material, wanted, config),
            test_evaluations=looks,
            notes=[CLASS_BLIND] if config.method == "eigencam" else [],
            skipped=[Skipped(id=name, reason=reason) for name, reason in material.skipped],
        )
        save_page(result, output_dir)
    write_json(output_dir / "metrics.json", result.model_dump())
    return result


def _wanted(classifier: Classifier, config: ExplainConfig) -> int | None:
    if config.target is None:
        return None
    if config.target not in classifier.classes:
        raise UnknownNameError("class", config.target, classifier.classes)
    return classifier.classes.index(config.target)


def _examined(classifier: Classifier, wanted: int | None) -> Iterable[int]:
    """Return the classes whose outcomes are shown: of two, the positive one says it all."""
    if wanted is not None:
        return [wanted]
    return [1] if len(classifier.classes) == 2 else range(len(classifier.classes))


def _rows_of(material: Material, target: int, outcome: str) -> Ints:
    """Return the images of an outcome, those of the least doubtful prediction first."""
    if material.truth is None:
        return np.empty(0, np.int64)
    is_so, called_so = OUTCOMES[outcome]
    rows = np.flatnonzero(
        ((material.truth == target) == is_so) & ((material.predicted == target) == called_so)
    )
    sure = material.probs[rows, target] * (1 if called_so else -1)
    return rows[np.argsort(-sure, kind="stable")]


def _count_outcomes(
    classifier: Classifier, material: Material, wanted: int | None
) -> dict[str, dict[str, int]]:
    if material.truth is None:
        return {}
    return {
        classifier.classes[c]: {name: len(_rows_of(material, c, name)) for name in OUTCOMES}
        for c in _examined(classifier, wanted)
    }


def _cases(classifier: Classifier, material: Material, wanted: int | None, most: int) -> list[Case]:
    """Return what to draw: some of each outcome, or every image where the truth is unknown."""
    if material.truth is None:
        targets = material.predicted if wanted is None else np.full_like(material.predicted, wanted)
        return [Case(row=row, target=int(target)) for row, target in enumerate(targets)]
    return [
        Case(row=int(row), target=c, outcome=outcome)
        for c in _examined(classifier, wanted)
        for outcome in OUTCOMES
        for row in _rows_of(material, c, outcome)[:most]
    ]


def _draw(
    classifier: Classifier,
    material: Material,
    boxed: Boxed,
    wanted: int | None,
    config: ExplainConfig,
    output_dir: Path,
) -> list[Explained]:
    cases = _cases(classifier, material, wanted, config.per_outcome)
    if not cases:
        return []
    rows = [case.row for case in cases]
    ids, targets = [material.records[row].id for row in rows], [case.target for case in cases]
    maps = explain_images(
        classifier, ids, material.pixels[rows], method=config.method, target=targets
    )
    boxes = dict(zip(boxed.rows.tolist(), boxed.boxes, strict=True))
    files = unused_names(
        [
            "-".join(filter(None, [m.label, c.outcome, m.id]))
            for m, c in zip(maps, cases, strict=True)
        ]
        if material.truth is not None
        else ids,
        output_dir / PICTURES,
    )
    found = []
    for case, heatmap in track(list(zip(cases, maps, strict=True)), "drawing"):
        image = material.dataset.read(material.records[case.row]).pixels
        outlines = boxes.get(case.row) if case.target == _true_class(material, case.row) else None
        path = save_overlay(draw_overlay(image, heatmap.values, outlines), next(files))
        truth = _true_class(material, case.row)
        found.append(
            Explained(
                id=heatmap.id,
                label=heatmap.label,
                truth=None if truth is None else classifier.classes[truth],
                predicted=classifier.classes[material.predicted[case.row]],
                probability=float(material.probs[case.row, case.target]),
                outcome=case.outcome,
                zone=heatmap.zone,
                peak=heatmap.peak,
                picture=path.relative_to(output_dir).as_posix(),
            )
        )
    return found


def _true_class(material: Material, row: int) -> int | None:
    return None if material.truth is None else int(material.truth[row])


def _boxed(classifier: Classifier, material: Material, wanted: int | None) -> Boxed:
    labels: list[str | None] = [None] * len(material.records)
    if material.truth is not None:
        labels = [
            classifier.classes[c] if wanted in (None, c) else None for c in material.truth.tolist()
        ]
    return find_boxed(material.dataset, material.records, labels, classifier.size)


def _localise(
    classifier: Classifier,
    material: Material,
    boxed: Boxed,
    groups: list[str] | None,
    config: ExplainConfig,
) -> list[Localisation]:
    if material.truth is None:
        return []
    return measure_localisation(classifier, material.pixels, boxed, material.truth, groups, config)


def _check(
    classifier: Classifier, material: Material, wanted: int | None, config: ExplainConfig
) -> Sanity | None:
    if not config.sanity:
        return None
    rng = np.random.default_rng(config.seed)
    rows = np.sort(rng.permutation(len(material.records))[:SANITY_IMAGES])
    targets = material.predicted if wanted is None else np.full_like(material.predicted, wanted)
    return check_sanity(
        classifier,
        material.pixels[rows],
        method=config.method,
        target=targets[rows],
        seed=config.seed,
        resamples=config.resamples,
    )
