"""Where a classifier looked, image by image, and whether that can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from classify.config import as_mapping
from classify.data import leave_out_unlabelled, say_limit
from classify.explanation.config import ExplainConfig
from classify.explanation.heatmaps import explain_images, explained_layer, load_method
from classify.explanation.localisation import Boxed, find_boxed, measure_localisation
from classify.explanation.material import Material, files_as_dataset, gather
from classify.explanation.outcomes import Case, choose_cases, count_outcomes
from classify.explanation.overlays import draw_overlay, save_overlay, unused_names
from classify.explanation.page import save_page
from classify.explanation.pointing import MARKED_FROM, TOLERANCE
from classify.explanation.results import Explained, Explanation, Localisation, Sanity
from classify.explanation.sanity import check_sanity
from classify.ledger import (
    count_evaluations,
    digest_test,
    meets_test,
    record_evaluation,
    say_learned,
)
from classify.predict import Classifier, load_classifier
from classify.results import Skipped
from classify.training.selection import groups_of
from medx.core.console import track, warn
from medx.core.errors import UnknownNameError
from medx.core.files import write_json
from medx.core.runs import logging_to, save_config
from medx.core.values import HeatMap
from medx.datasets.manifest import Dataset

SANITY_IMAGES = 32
PICTURES = "overlays"
CLASS_BLIND = "eigencam shows what stands out to the network, not what speaks for a class"


def explain(
    train_dir: Path, dataset: Dataset, config: ExplainConfig, output_dir: Path
) -> Explanation:
    """Explain one split of a dataset: pictures, localisation against boxes, sanity check.

    Images without a label are left out, unless none has one. Splits with labels and test images
    are noted in the test ledger of the train run.

    Args:
        train_dir: Folder of the train run.
        dataset: Labels and boxes are used where it has them.
        config: What to explain and how.
        output_dir: Gets ``metrics.json``, ``index.html`` and the pictures.

    Raises:
        InputError: When a label is no class of the classifier.
        UnknownNameError: When ``config.target`` is no class.
        MissingExtraError: When pytorch-grad-cam is not installed.
        CheckpointError: When the train run is unfinished or damaged.
    """
    classifier, wanted = _load(train_dir, config)
    part, unlabelled = leave_out_unlabelled(dataset.split(config.split, limit=config.limit))
    notes = [*say_limit(config.limit), *unlabelled]
    for text in notes:
        warn(text)
    material = gather(classifier, part)
    looks, learned = 0, list[str]()
    if material.truth is not None:
        ids = digest_test(dataset)
        if part.name == classifier.description.dataset:
            learned = say_learned(train_dir, dataset, material.records)
        if meets_test(material.records):
            record_evaluation(train_dir, part.name, config.split, len(material.records), ids=ids)
        looks = count_evaluations(train_dir, part.name, ids)
    return _explain(
        classifier,
        material,
        wanted,
        config,
        output_dir,
        split=config.split,
        looks=looks,
        notes=[*notes, *learned],
    )


def explain_files(train_dir: Path, config: ExplainConfig, output_dir: Path) -> Explanation:
    """Explain the prediction of the image file, or each image of the folder, ``config.input``.

    Raises:
        InputError: When there is no image, or none that can be read.
        UnknownNameError: When ``config.target`` is no class.
        MissingExtraError: When pytorch-grad-cam is not installed.
        CheckpointError: When the train run is unfinished or damaged.
    """
    classifier, wanted = _load(train_dir, config)
    images = files_as_dataset(classifier, Path(str(config.input)), limit=config.limit)
    config = replace(config, input=images.name)  # a path may name a patient
    return _explain(classifier, gather(classifier, images), wanted, config, output_dir)


def _load(train_dir: Path, config: ExplainConfig) -> tuple[Classifier, int | None]:
    """Return the classifier and the class index wanted; fail before anything is computed."""
    load_method(config.method)
    classifier = load_classifier(train_dir, config.device, batch_size=config.batch_size)
    explained_layer(classifier)
    if config.target is None:
        return classifier, None
    if config.target not in classifier.classes:
        raise UnknownNameError("class", config.target, classifier.classes)
    return classifier, classifier.classes.index(config.target)


def _explain(
    classifier: Classifier,
    material: Material,
    wanted: int | None,
    config: ExplainConfig,
    output_dir: Path,
    *,
    split: str | None = None,
    looks: int = 0,
    notes: Sequence[str] = (),
) -> Explanation:
    save_config(output_dir, as_mapping(config))
    with logging_to(output_dir):
        boxed = _find_boxed(classifier, material, wanted)
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
            layer=explained_layer(classifier),
            outcomes=count_outcomes(classifier, material, wanted),
            images=_draw(classifier, material, boxed, wanted, config, output_dir),
            localisation=_localise(classifier, material, boxed, config),
            tolerance=TOLERANCE,
            marked_from=MARKED_FROM,
            bootstrap_resamples=config.resamples,
            bootstrap_seed=config.seed,
            bootstrap_unit="image" if groups_of(material.records) is None else "patient",
            sanity=_check(classifier, material, wanted, config),
            test_evaluations=looks,
            notes=[*notes, *([CLASS_BLIND] if config.method == "eigencam" else [])],
            skipped=[Skipped(id=name, reason=reason) for name, reason in material.skipped],
        )
        save_page(result, output_dir)
    write_json(output_dir / "metrics.json", result.model_dump())
    return result


def _draw(
    classifier: Classifier,
    material: Material,
    boxed: Boxed,
    wanted: int | None,
    config: ExplainConfig,
    output_dir: Path,
) -> list[Explained]:
    cases = choose_cases(classifier, material, wanted, config.per_outcome)
    if not cases:
        return []
    rows = [case.row for case in cases]
    maps = explain_images(
        classifier,
        [material.records[row].id for row in rows],
        material.pixels[rows],
        method=config.method,
        target=[case.target for case in cases],
        description="explaining",
    )
    boxes = dict(zip(boxed.rows.tolist(), boxed.boxes, strict=True))
    paths = _paths(cases, maps, output_dir / PICTURES)
    found = []
    for case, heatmap in track(list(zip(cases, maps, strict=True)), "drawing"):
        image = material.dataset.read(material.records[case.row]).pixels
        own = material.true_class(case.row) == case.target
        picture = draw_overlay(image, heatmap.values, boxes.get(case.row) if own else None)
        path = save_overlay(picture, next(paths)).relative_to(output_dir)
        found.append(_describe(classifier, material, case, heatmap, path.as_posix()))
    return found


def _paths(cases: Sequence[Case], maps: Sequence[HeatMap], folder: Path) -> Iterator[Path]:
    names = [
        heatmap.id if case.outcome is None else f"{heatmap.label}-{case.outcome}-{heatmap.id}"
        for case, heatmap in zip(cases, maps, strict=True)
    ]
    return unused_names(names, folder)


def _describe(
    classifier: Classifier, material: Material, case: Case, heatmap: HeatMap, picture: str
) -> Explained:
    truth = material.true_class(case.row)
    return Explained(
        id=heatmap.id,
        label=heatmap.label,
        truth=None if truth is None else classifier.classes[truth],
        predicted=classifier.classes[int(material.predicted[case.row])],
        probability=float(material.probs[case.row, case.target]),
        outcome=case.outcome,
        zone=heatmap.zone,
        peak=heatmap.peak,
        picture=picture,
    )


def _find_boxed(classifier: Classifier, material: Material, wanted: int | None) -> Boxed:
    labels: list[str | None] = [None] * len(material.records)
    if material.truth is not None:
        labels = [
            classifier.classes[c] if wanted in (None, c) else None for c in material.truth.tolist()
        ]
    return find_boxed(material.dataset, material.records, labels, classifier.size)


def _localise(
    classifier: Classifier, material: Material, boxed: Boxed, config: ExplainConfig
) -> list[Localisation]:
    if material.truth is None:
        return []
    groups = groups_of(material.records)
    return measure_localisation(classifier, material.pixels, boxed, material.truth, groups, config)


def _check(
    classifier: Classifier, material: Material, wanted: int | None, config: ExplainConfig
) -> Sanity | None:
    if not config.sanity:
        return None
    rng = np.random.default_rng(config.seed)
    rows = np.sort(rng.permutation(len(material.records))[:SANITY_IMAGES])
    return check_sanity(
        classifier,
        material.pixels[rows],
        method=config.method,
        target=material.sought(wanted)[rows],
        seed=config.seed,
        resamples=config.resamples,
    )
