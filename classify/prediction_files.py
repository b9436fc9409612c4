"""Predictions on disk: one JSON object, and one CSV row an image."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
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
    """Return one row an image: id, truth when given, label, operating point, probabilities."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    classes = list(predictions[0].probabilities)
    truth = ["target"] if targets is not None else []
    writer.writerow(["id", *truth, "label", "operating_point", *(f"p_{c}" for c in classes)])
    for i, p in enumerate(predictions):
        known = [targets[i]] if targets is not None else []
        # Nine digits tell any two float32 apart, so that ranks can be recomputed from the file.
        values = (f"{p.probabilities[c]:.9g}" for c in classes)
        writer.writerow([p.id, *known, p.label, p.operating_point, *values])
    return buffer.getvalue()
