"""A trained classifier measured on a split, with what it was chosen on said beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from classify.card.write import add_evaluation
from classify.config import EvaluateConfig, as_mapping
from classify.data import say_limit
from classify.evaluation.chance import chance_levels
from classify.evaluation.decision_curve import decision_curve
from classify.evaluation.embedding_map import map_embeddings
from classify.evaluation.figures import save_confusion_matrix, save_precision_recall, save_roc
from classify.evaluation.image_grids import Gallery, save_grids
from classify.evaluation.measured import MeasuredPoint, ReliabilityBin
from classify.evaluation.metrics import measure_case, measure_decisions
from classify.evaluation.page import save_page
from classify.evaluation.reliability import BINNING, confidence, reliability_bins
from classify.evaluation.report_figures import (
    save_decision_curves,
    save_embedding_map,
    save_reliability,
)
from classify.evaluation.scoring import Scored, score, split_to_measure
from classify.evaluation.shared_classes import map_labels
from classify.evaluation.subgroups import check_columns, measure_subgroups
from classify.evaluation.tally import confusion_matrix
from classify.ledger import (
    count_evaluations,
    digest_test,
    record_evaluation,
    say_learned,
    say_selection,
)
from classify.predict import Classifier, load_classifier
from classify.prediction_files import predictions_csv
from classify.results import EvaluationResult, Skipped
from classify.training.selection import HALF
from classify.trust.measure import Judged, measure_trust
from classify.trust.operating_points import apply_operating_point
from medx.core.bootstrap import Bootstrap
from medx.core.console import note, warn
from medx.core.files import write_json, write_text
from medx.core.runs import create_run_dir, save_config
from medx.datasets.manifest import Dataset

CHOSEN = "chosen"
PAGE = "index.html"


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
    by: tuple[str, ...] = EvaluateConfig.by,
    label_map: str | None = EvaluateConfig.label_map,
    operating_point: str | None = EvaluateConfig.operating_point,
    label_shift: str | None = EvaluateConfig.label_shift,
    level: float = EvaluateConfig.level,
) -> EvaluationResult:
    """Measure a trained classifier on one split of ``dataset``.

    Evaluations that include test images are appended to ``test_ledger.jsonl`` of the train run.

    Args:
        run_dir: Folder of the train run.
        dataset: What is measured is what its classes share with the classifier's, by name.
        split: ``train``, ``val``, ``test`` or ``all``; a dataset without splits is all test.
        output_dir: Gets ``metrics.json``, ``predictions.csv``, figures and ``index.html``; None
            makes a new run folder.
        limit: Use only the first N records.
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of the bootstrap, the random samples of images shown and the map.
        resamples: Bootstrap samples.
        by: Columns of the manifest to measure subgroups by, besides ``source``.
        label_map: A file, or ``old=new,old=``, that turns its classes into the classifier's.
        operating_point: A rule or threshold to decide by instead of the stored one.
        label_shift: ``em`` or ``bbse`` adds figures corrected for another mix of classes.
        level: Share of images whose conformal set is to hold the truth.

    Raises:
        InputError: When the split is unlabelled or no class is shared.
        UnknownNameError: When the split or a column does not exist.
        CheckpointError: When the train run is unfinished or damaged.
    """
    split = split_to_measure(dataset, split)
    config = EvaluateConfig(
        run=str(run_dir),
        dataset=dataset.name,
        split=split,
        limit=limit,
        batch_size=batch_size,
        device=device,
        seed=seed,
        resamples=resamples,
        by=by,
        label_map=label_map,
        operating_point=operating_point,
        label_shift=label_shift,
        level=level,
    )
    classifier = load_classifier(
        run_dir, device, batch_size=batch_size, operating_point=config.operating_point, level=level
    )
    part = map_labels(dataset.split(split, limit=limit), label_map)
    check_columns(part.records, config.by)
    scored = score(classifier, part)
    output_dir = output_dir or create_run_dir("classify", "evaluate")
    save_config(output_dir, as_mapping(config))
    ids = digest_test(dataset)
    if scored.met_test:
        record_evaluation(run_dir, part.name, split, len(scored.records), ids=ids)
    looks = count_evaluations(run_dir, dataset.name, ids)
    judged = _judge(classifier, scored)
    result = _measure(config, classifier, dataset, scored, judged, run_dir, output_dir, looks)
    names = [classifier.classes[t] for t in scored.target]
    predictions = classifier.as_predictions(judged.ids, scored.probs, judged.ood_parts)
    write_text(output_dir / "predictions.csv", predictions_csv(predictions, names))
    write_json(output_dir / "metrics.json", result.model_dump())
    save_page(result, output_dir / PAGE)
    add_evaluation(run_dir, result)
    return result


def named_thresholds(classifier: Classifier) -> dict[str, float]:
    """Return every threshold on the positive class that has a name; none when multi-class."""
    about = classifier.description
    if about.operating_point is None:
        return {}
    named = about.operating_points
    # Its own names say more than ours: the chosen one may already be among them.
    chosen = {} if about.operating_point in named.values() else {CHOSEN: about.operating_point}
    return {**chosen, **named, "0.5": HALF}


def _measure(
    config: EvaluateConfig,
    classifier: Classifier,
    dataset: Dataset,
    scored: Scored,
    judged: Judged,
    run_dir: Path,
    output_dir: Path,
    looks: int,
) -> EvaluationResult:
    about = classifier.description
    how = Bootstrap(groups=scored.groups, resamples=config.resamples, seed=config.seed)
    figures_of_merit = _figures_of_merit(config, classifier, scored, how)
    trust = measure_trust(classifier, judged, how, output_dir, label_shift=config.label_shift)
    return EvaluationResult(
        run_dir=str(output_dir),
        page=str(output_dir / PAGE),
        classifier=classifier.name,
        trained_on=about.dataset,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        split=config.split,
        n=len(scored.records),
        classes=list(classifier.classes),
        absent=list(scored.shared.absent),
        left_out=scored.shared.left_out,
        notes=[*scored.notes, *_caveats(config, classifier, scored, dataset, run_dir)],
        temperature=about.temperature,
        operating_point=about.operating_point,
        operating_point_rule=about.operating_point_rule,
        calibration_binning=BINNING,
        bootstrap_resamples=how.resamples,
        bootstrap_seed=how.seed,
        bootstrap_unit=how.unit,
        test_evaluations=looks,
        selection=say_selection(run_dir, looks),
        skipped=[Skipped(id=name, reason=reason) for name, reason in scored.skipped],
        trust=trust,
        figures=[
            *_draw(config, classifier, scored, figures_of_merit, output_dir),
            *trust.figures,
        ],
        **figures_of_merit,
    )


def _caveats(
    config: EvaluateConfig, classifier: Classifier, scored: Scored, dataset: Dataset, run_dir: Path
) -> list[str]:
    """Return, and say, which of the images cannot judge the classifier, and which were left out."""
    found = say_limit(config.limit)
    if dataset.name == classifier.description.dataset:
        found += say_learned(run_dir, dataset, scored.records)
    for text in found:
        warn(text)
    return found


def _judge(classifier: Classifier, scored: Scored) -> Judged:
    return Judged(
        ids=[record.id for record in scored.records],
        target=scored.target,
        probs=scored.probs,
        predicted=scored.predicted,
        ood_parts=classifier.ood_parts(scored.pixels, scored.colours),
    )


def _figures_of_merit(
    config: EvaluateConfig, classifier: Classifier, scored: Scored, how: Bootstrap
) -> dict[str, Any]:
    classes, case = classifier.classes, scored.case
    whole, each = measure_case(case, how)
    support = np.bincount(case.target, minlength=len(classes))
    matrix = confusion_matrix(case.target, case.predicted, len(classes))
    points = _measure_points(classifier, scored, how)
    half = {p.name: p.metrics for p in points}.get("0.5")
    said, came_true = confidence(case.target, case.probs)
    binary = len(classes) == 2
    curves = {
        classes[c]: decision_curve(case.target == c, case.probs[:, c], how)
        for c in ([1] if binary else scored.shared.shared)
    }
    return {
        "positive": classes[1] if binary else None,
        "support": dict(zip(classes, support.tolist(), strict=True)),
        "prevalence": dict(zip(classes, (support / support.sum()).tolist(), strict=True)),
        "chance": chance_levels(case.target, len(classes)),
        "metrics": whole,
        "metrics_at_half": None if half is None else {k: half.get(k, whole[k]) for k in whole},
        "operating_points": points,
        "by_class": {classes[c]: each[c] for c in scored.shared.shared},
        "subgroups": measure_subgroups(scored.records, case, classes, config.by, how),
        "confusion_matrix": matrix.tolist(),
        "confusion_shares": [
            [int(n) / int(row.sum()) if row.sum() else None for n in row] for row in matrix
        ],
        "reliability": [ReliabilityBin(**vars(b)) for b in reliability_bins(said, came_true)],
        "decision_curves": curves,
    }


def _measure_points(classifier: Classifier, scored: Scored, how: Bootstrap) -> list[MeasuredPoint]:
    return [
        MeasuredPoint(
            name=name,
            threshold=threshold,
            metrics=measure_decisions(
                scored.target,
                apply_operating_point(scored.probs, threshold),
                len(classifier.classes),
                how,
            ),
        )
        for name, threshold in named_thresholds(classifier).items()
    ]


def _draw(
    config: EvaluateConfig,
    classifier: Classifier,
    scored: Scored,
    found: dict[str, Any],
    run_dir: Path,
) -> list[str]:
    note("drawing figures and a map of the features")
    folder, classes = run_dir / "figures", classifier.classes
    target, probs, predicted = scored.target, scored.probs, scored.predicted
    points = named_thresholds(classifier)
    matrix = np.array(found["confusion_matrix"])
    said = f"probability of {classes[1]}" if len(classes) == 2 else "probability of the top class"
    placed = map_embeddings(classifier, scored.pixels, seed=config.seed)
    gallery = Gallery(
        pixels=scored.pixels,
        ids=[record.id for record in scored.records],
        target=target,
        predicted=predicted,
        probs=probs,
        classes=classes,
        operating_point=classifier.description.operating_point,
    )
    drawn = [
        save_confusion_matrix(matrix, classes, folder / "confusion_matrix.png", title=config.split),
        save_roc(target, probs, classes, points, folder / "roc.png"),
        save_precision_recall(target, probs, classes, folder / "precision_recall.png"),
        save_reliability(
            found["reliability"],
            confidence(target, probs)[0],
            folder / "reliability.png",
            said=said,
            title=f"reliability, ECE {found['metrics']['ece']}",
        ),
        save_decision_curves(found["decision_curves"], points, folder / "decision_curve.png"),
        save_embedding_map(placed, target, predicted, classes, folder / "embedding_map.png")
        if placed
        else None,
        *save_grids(gallery, folder, seed=config.seed),
    ]
    return [str(path.relative_to(run_dir)) for path in drawn if path is not None]
