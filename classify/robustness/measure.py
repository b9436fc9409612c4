"""What is left of a classifier's figures when its images are spoilt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.config import as_mapping
from classify.data import check_labels, leave_out_unlabelled, say_limit
from classify.evaluation.chance import chance_levels
from classify.evaluation.metrics import Case, sample_metrics
from classify.ledger import (
    count_evaluations,
    digest_test,
    meets_test,
    record_evaluation,
    say_learned,
)
from classify.predict import Classifier, load_classifier
from classify.results import Skipped
from classify.robustness.config import RobustnessConfig
from classify.robustness.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from classify.robustness.figure import save_robustness
from classify.robustness.results import Corrupted, Figures, Robustness
from classify.training.selection import groups_of
from classify.trust.operating_points import apply_operating_point
from medx.core.bootstrap import Bootstrap
from medx.core.console import progress_bar, warn
from medx.core.errors import InputError
from medx.core.files import write_json
from medx.core.images import Pixels
from medx.core.runs import logging_to, save_config
from medx.core.statistics import percentile_interval
from medx.core.values import Interval
from medx.datasets.manifest import Dataset

METRICS = ("accuracy", "balanced_accuracy", "auroc")
FIGURE = "figures/robustness.png"

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measured = dict[str, "Interval | None"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Condition:
    """The figures of one corruption and severity, and of its bootstrap samples.

    Every condition draws the same images in the same sample, so that conditions can be averaged
    sample by sample.

    Args:
        estimates: By metric.
        samples: ``(R,)`` by metric.
    """

    estimates: dict[str, float]
    samples: dict[str, Doubles]


def measure_robustness(
    train_dir: Path, dataset: Dataset, config: RobustnessConfig, output_dir: Path
) -> Robustness:
    """Measure a trained classifier on one split under every corruption and severity.

    Test images are noted in the test ledger of the train run.

    Args:
        train_dir: Folder of the train run.
        dataset: Its classes must be the classifier's.
        config: What to measure and how.
        output_dir: Gets ``metrics.json`` and the figure.

    Raises:
        InputError: When the split is unlabelled or the classes differ.
        CheckpointError: When the train run is unfinished or damaged.
    """
    classifier = load_classifier(train_dir, config.device, batch_size=config.batch_size)
    part, unlabelled = leave_out_unlabelled(dataset.split(config.split, limit=config.limit))
    notes = [*say_limit(config.limit), *unlabelled]
    target_of = _class_index(classifier, part)
    loaded = part.load_pixels(classifier.size)
    target = np.array([target_of[str(record.label)] for record in loaded.records], np.int64)
    ids = digest_test(dataset)
    if meets_test(loaded.records):
        record_evaluation(train_dir, part.name, config.split, len(target), ids=ids)
    how = Bootstrap(groups=groups_of(loaded.records), resamples=config.resamples, seed=config.seed)
    own = part.name == classifier.description.dataset
    notes += say_learned(train_dir, dataset, loaded.records) if own else []
    for text in notes:
        warn(text)
    pixels = np.stack([classifier.fit(image) for image in loaded.pixels])
    save_config(output_dir, as_mapping(config))
    with logging_to(output_dir):
        clean, spoilt = _measure(classifier, pixels, target, how, config)
    levels = chance_levels(target, len(classifier.classes))
    whole = _average([condition for row in spoilt for condition in row])
    corruptions = [
        _as_row(corruption, clean, row) for corruption, row in zip(CORRUPTIONS, spoilt, strict=True)
    ]
    result = Robustness(
        run_dir=str(output_dir),
        classifier=classifier.name,
        trained_on=classifier.description.dataset,
        dataset=part.name,
        synthetic=part.synthetic,
        split=config.split,
        n=len(target),
        size=classifier.size,
        operating_point=classifier.description.operating_point,
        chance={name: levels[name] for name in ("accuracy", "balanced_accuracy", "auroc")},
        clean=_intervals(clean),
        mean=_intervals(whole),
        relative_drop=_drop(clean, whole),
        corruptions=corruptions,
        seed=config.seed,
        bootstrap_resamples=config.resamples,
        bootstrap_unit=how.unit,
        test_evaluations=count_evaluations(train_dir, part.name, ids),
        notes=notes,
        skipped=[Skipped(id=name, reason=reason) for name, reason in loaded.skipped],
        figures=[FIGURE],
    )
    save_robustness(result, output_dir / FIGURE)
    write_json(output_dir / "metrics.json", result.model_dump())
    return result


def corrupted_probabilities(
    classifier: Classifier, pixels: Pixels, corruption: Corruption, severity: int, *, seed: int
) -> npt.NDArray[np.float32]:
    """Return calibrated probabilities ``(N, C)`` of spoilt images, spoilt a batch at a time.

    What is done to an image depends on the seed and its place, not on the batch size.
    """
    size = classifier.batch_size
    parts = []
    for start in range(0, len(pixels), size):
        batch = pixels[start : start + size]
        spoilt = [
            corruption.apply(image, severity, seed=_image_seed(seed, start + i))
            for i, image in enumerate(batch)
        ]
        parts.append(classifier.probabilities(np.stack(spoilt)))
    return np.concatenate(parts)


def _measure(
    classifier: Classifier,
    pixels: Pixels,
    target: Ints,
    how: Bootstrap,
    config: RobustnessConfig,
) -> tuple[Condition, list[list[Condition]]]:
    """Return the clean condition, and those of each corruption by severity."""

    def condition(probs: npt.NDArray[np.float32]) -> Condition:
        predicted = apply_operating_point(probs, classifier.description.operating_point)
        sampled = sample_metrics(Case(target=target, probs=probs, predicted=predicted), how)
        return Condition(
            estimates={name: float(sampled.estimates[name][-1]) for name in METRICS},
            samples={name: sampled.samples[name][:, -1] for name in METRICS},
        )

    clean = condition(classifier.probabilities(pixels))
    spoilt: list[list[Condition]] = []
    total = len(CORRUPTIONS) * len(SEVERITIES)
    with progress_bar("corrupting images", total) as progress:
        for corruption in CORRUPTIONS:
            row = []
            for severity in SEVERITIES:
                probs = corrupted_probabilities(
                    classifier, pixels, corruption, severity, seed=config.seed
                )
                row.append(condition(probs))
                progress.update(progress.task_ids[0], advance=1, status=corruption.name)
            spoilt.append(row)
    return clean, spoilt


def _class_index(classifier: Classifier, part: Dataset) -> dict[str, int]:
    check_labels(part)
    strange = {str(record.label) for record in part.records} - set(classifier.classes)
    if strange:
        raise InputError(
            f"{part.name} has the classes {', '.join(sorted(strange))}, but {classifier.name} was "
            f"trained on {', '.join(classifier.classes)}",
            hint="measure it on a dataset of the same classes",
        )
    return {name: i for i, name in enumerate(classifier.classes)}


def _image_seed(seed: int, place: int) -> int:
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])


def _average(conditions: list[Condition]) -> Condition:
    return Condition(
        estimates={m: float(np.mean([c.estimates[m] for c in conditions])) for m in METRICS},
        samples={
            m: np.asarray(np.mean([c.samples[m] for c in conditions], axis=0)) for m in METRICS
        },
    )


def _as_row(corruption: Corruption, clean: Condition, row: list[Condition]) -> Corrupted:
    mean = _average(row)
    return Corrupted(
        name=corruption.name,
        unit=corruption.unit,
        strengths=list(corruption.strengths),
        by_severity=[{m: _known(c.estimates[m]) for m in METRICS} for c in row],
        mean=_intervals(mean),
        relative_drop=_drop(clean, mean),
    )


def _intervals(condition: Condition) -> Measured:
    return {m: percentile_interval(condition.estimates[m], condition.samples[m]) for m in METRICS}


def _drop(clean: Condition, spoilt: Condition) -> Figures:
    def drop(before: float, after: float) -> float | None:
        return _known((before - after) / before) if before else None

    return {m: drop(clean.estimates[m], spoilt.estimates[m]) for m in METRICS}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
