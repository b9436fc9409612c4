"""Predictions on disk: one JSON object, and one CSV row an image."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from classify.results import PredictionSet
from medx.core.files import write_json, write_text
from medx.core.values import Prediction


def save_predictions(predictions: PredictionSet, run_dir: Path) -> PredictionSet:
    """Write ``predictions.json`` and ``predictions.csv``; return the set with its folder."""
    placed = predictions.model_copy(update={"run_dir": str(run_dir)})
    write_text(run_dir / "predictions.csv", predictions_csv(placed.predictions))
    write_json(run_dir / "predictions.json", placed.model_dump())
    return placed


def predictions_csv(predictions: Sequence[Prediction], targets: Sequence[str] | None = None) -> str:
    """Return one row an image: id, truth when given, label, operating point, probabilities.

    What was looked at besides follows: conformal set, score and flag of unlike images, whether to
    abstain and why, and figures under another mix of classes.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    classes = list(predictions[0].probabilities)
    truth = ["target"] if targets is not None else []
    further = [name for name, shown in FURTHER.items() if shown(predictions[0]) is not None]
    shifted = predictions[0].shifted_probabilities is not None
    writer.writerow(
        [
            *("id", *truth, "label", "operating_point"),
            *(f"p_{name}" for name in classes),
            *further,
            *((f"shifted_p_{name}" for name in classes) if shifted else ()),
        ]
    )
    for i, p in enumerate(predictions):
        known = [targets[i]] if targets is not None else []
        # Nine digits tell any two float32 apart, so that ranks can be recomputed from the file.
        values = [f"{p.probabilities[name]:.9g}" for name in classes]
        values += [str(FURTHER[name](p)) for name in further]
        values += [f"{value:.9g}" for value in (p.shifted_probabilities or {}).values()]
        writer.writerow([p.id, *known, p.label, p.operating_point, *values])
    return buffer.getvalue()


def _joined(texts: Sequence[str] | None, by: str) -> str | None:
    return None if texts is None else by.join(texts)


#: Columns that are there when the first prediction has them.
FURTHER: dict[str, Callable[[Prediction], object]] = {
    "conformal_set": lambda p: _joined(p.conformal_set, "|"),
    "conformal_level": lambda p: p.conformal_level,
    "ood_score": lambda p: None if p.ood_score is None else f"{p.ood_score:.6g}",
    "out_of_distribution": lambda p: p.out_of_distribution,
    "abstain": lambda p: p.abstain,
    "abstain_reasons": lambda p: None if p.abstain is None else "; ".join(p.abstain_reasons),
    "shifted_label": lambda p: p.shifted_label,
}
