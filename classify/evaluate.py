"""A trained classifier measured on a split, with what it was chosen on said beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classify.config import EvaluateConfig, as_mapping
from classify.data import check_labels
from classify.figures import save_confusion_matrix, save_failures, save_roc
from classify.ledger import count_evaluations, record_evaluation
from classify.metrics import Bootstrap, confusion_matrix, measure, measure_classes
from classify.operating_points import apply_operating_point
from classify.predict import Classifier, load_classifier
from classify.prediction_files import predictions_csv
from classify.results import EvaluationResult, Skipped
from classify.selection import HALF, groups_of
from medx.core.errors import InputError
from medx.core.files import write_json, write_text
from medx.core.images import Pixels
from medx.core.runs import create_run_dir, save_config
from medx.datasets.manifest import Dataset, Record


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Records with the truth and what a classifier says of them.

    Args:
        pixels: ``uint8`` ``(N, S, S[, 3])``.
        records: The N records.
        skipped: ``(id, reason)`` of each image that could not be read.
        target: Class indices ``(N,)``.
        probs: Calibrated, ``(N, C)``.
        predicted: Class indices ``(N,)`` at the operating point.
    """

    pixels: Pixels
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]
    target: npt.NDArray[np.int64]
    probs: npt.NDArray[np.float32]
    predicted: npt.NDArray[np.int64]


def evaluate(
    run_dir: Path,
    dataset: Dataset,
    split: str = EvaluateConfig.split,
    *,
    output_dir: Path | None = None,
    limit: int | None = None,
    batch_size: int = EvaluateConfig.batch_size,
    device: str = EvaluateConfig.device,
    seed: int = EvaluateConfig.seed,
    resamples: int = EvaluateConfig.resamples,
) -> EvaluationResult:
    """Measure a trained classifier on one split of ``dataset``.

    Evaluations that include test images are appended to ``test_ledger.jsonl`` of the train run.

    Args:
        run_dir: Folder of the train run.
        dataset: Its classes must be the classifier's.
        split: ``train``, ``val``, ``test`` or ``all``.
        output_dir: Gets ``metrics.json``, ``predictions.csv`` and figures; None makes a new run
            folder.
        limit: Use only the first N records.
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of the bootstrap.
        resamples: Bootstrap samples.

    Raises:
        InputError: When the split is unlabelled or the classes differ.
        CheckpointError: When the train run is unfinished or damaged.
    """
    config = EvaluateConfig(
        run=str(run_dir),
        dataset=dataset.name,
        split=split,
        limit=limit,
        batch_size=batch_size,
        device=device,
        seed=seed,
        resamples=resamples,
    )
    classifier = load_classifier(run_dir, device, batch_size=batch_size)
    part = dataset.split(split, limit=limit)
    _check_classes(classifier, part)
    scored = score(classifier, part)
    output_dir = output_dir or create_run_dir("classify", "evaluate")
    save_config(output_dir, as_mapping(config))
    if any(record.split == "test" for record in scored.records):
        record_evaluation(run_dir, part.name, split, len(scored.records))
    result = _measure(config, classifier, part, scored, run_dir, output_dir)
    names = [part.classes[t] for t in scored.target]
    predictions = classifier.as_predictions([r.id for r in scored.records], scored.probs)
    write_text(output_dir / "predictions.csv", predictions_csv(predictions, names))
    write_json(output_dir / "metrics.json", result.model_dump())
    return result


def score(classifier: Classifier, part: Dataset) -> Scored:
    """Run a classifier over labelled records."""
    loaded = part.load_pixels(classifier.size)
    probs = classifier.probabilities(loaded.pixels)
    return Scored(
        pixels=loaded.pixels,
        records=loaded.records,
        skipped=loaded.skipped,
        target=replace(part, records=loaded.records).targets(),
        probs=probs,
        predicted=apply_operating_point(probs, classifier.description.operating_point),
    )


def _measure(
    config: EvaluateConfig,
    classifier: Classifier,
    part: Dataset,
    scored: Scored,
    run_dir: Path,
    output_dir: Path,
) -> EvaluationResult:
    about = classifier.description
    count = count_evaluations(run_dir, part.name)
    times = "once" if count == 1 else f"{count} times"
    return EvaluationResult(
        run_dir=str(output_dir),
        classifier=classifier.name,
        trained_on=about.dataset,
        dataset=part.name,
        synthetic=part.synthetic,
        split=config.split,
        n=len(scored.records),
        classes=about.classes,
        temperature=about.temperature,
        operating_point=about.operating_point,
        operating_point_rule=about.operating_point_rule,
        test_evaluations=count,
        selection=f"selected on val; test evaluated {times}",
        skipped=[Skipped(id=name, reason=reason) for name, reason in scored.skipped],
        figures=_draw(classifier, scored, output_dir, config.split),
        **_figures_of_merit(config, classifier, scored),
    )


def _figures_of_merit(
    config: EvaluateConfig, classifier: Classifier, scored: Scored
) -> dict[str, Any]:
    classes, point = classifier.classes, classifier.description.operating_point
    how = Bootstrap(groups=groups_of(scored.records), resamples=config.resamples, seed=config.seed)
    target, probs, predicted = scored.target, scored.probs, scored.predicted
    prevalence = np.bincount(target, minlength=len(classes)) / len(target)
    at_half = by_class = None
    if point is not None:
        at_half = measure(target, probs, apply_operating_point(probs, HALF), how)
    else:
        by_class = dict(zip(classes, measure_classes(target, probs, predicted, how), strict=True))
    return {
        "positive": classes[1] if point is not None else None,
        "prevalence": dict(zip(classes, prevalence.tolist(), strict=True)),
        "chance": {
            "auroc": 0.5,
            "accuracy": float(prevalence.max()),
            "balanced_accuracy": 1.0 / int(np.count_nonzero(prevalence)),
        },
        "metrics": measure(target, probs, predicted, how),
        "metrics_at_half": at_half,
        "by_class": by_class,
        "confusion_matrix": confusion_matrix(target, predicted, len(classes)).tolist(),
        "bootstrap_resamples": how.resamples,
        "bootstrap_seed": how.seed,
        "bootstrap_unit": "image" if how.groups is None else "patient",
    }


def _draw(classifier: Classifier, scored: Scored, run_dir: Path, split: str) -> list[str]:
    folder, classes = run_dir / "figures", classifier.classes
    target, probs, predicted = scored.target, scored.probs, scored.predicted
    matrix = confusion_matrix(target, predicted, len(classes))
    ids = [record.id for record in scored.records]
    drawn = [
        save_confusion_matrix(matrix, classes, folder / "confusion_matrix.png", title=split),
        save_roc(
            target, probs, classes, classifier.description.operating_point, folder / "roc.png"
        ),
        save_failures(
            scored.pixels, ids, target, predicted, probs, classes, folder / "failures.png"
        ),
    ]
    return [str(path.relative_to(run_dir)) for path in drawn if path is not None]


def _check_classes(classifier: Classifier, part: Dataset) -> None:
    check_labels(part)
    if part.classes != classifier.classes:
        raise InputError(
            f"{part.name} has the classes {', '.join(part.classes)}, but {classifier.name} was "
            f"trained on {', '.join(classifier.classes)}",
            hint="evaluate on a dataset with the same classes in the same order",
        )
    if part.colour != classifier.description.colour:
        raise InputError(f"{part.name} and {classifier.name} differ in grey and colour")
