"""Finished runs and datasets written by hand, so that every figure can be counted."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from PIL import Image as PILImage

from medx.core.values import Prediction
from reportgen.agreement.results import Agreement, Claim, ReportWarning
from reportgen.evaluation.config import EvaluateConfig
from reportgen.evaluation.evaluate import evaluate_reports
from reportgen.evidence import Evidence
from reportgen.report import GenerationSettings, Report
from reportgen.sections import parse_sections
from reportgen.strategies.base import SectionSpec

SECTIONS = (SectionSpec(name="findings"), SectionSpec(name="impression"))

PNEUMONIA = "FINDINGS:\nThere is pneumonia in the right lung.\n\nIMPRESSION:\nRight pneumonia."
NORMAL = "FINDINGS:\nThe lungs are clear.\n\nIMPRESSION:\nNo pneumonia."


@dataclass
class Runs:
    """Writes a dataset of images and runs of reports on them below a folder."""

    folder: Path
    rows: list[dict[str, str]] = field(default_factory=list)

    def image(self, name: str, label: str = "normal", **row: str) -> None:
        """Add an image to the dataset; it is of the test split unless ``split`` says otherwise."""
        self.rows.append(
            {"id": name, "path": f"{name}.png", "label": label, "split": "test", **row}
        )

    def dataset(self, **about) -> Path:
        """Write what was added."""
        folder = self.folder / "data"
        folder.mkdir(exist_ok=True)
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        with (folder / "manifest.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(self.rows)
        told = {"name": "data", "classes": ["normal", "pneumonia"], **about}
        (folder / "dataset.yaml").write_text(yaml.safe_dump(told))
        return folder

    def run(self, name: str, reports: dict[str, str | dict], *, failures=(), **shared) -> Path:
        """Write a finished run: image id → text, or fields of its report."""
        folder = self.folder / name
        for image_id, told in reports.items():
            fields = told if isinstance(told, dict) else {"text": told}
            write_report(folder, image_id, **{**shared, **fields})
        config = {"dataset": str(self.folder / "data"), "split": "test", "images": None}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        failed = [
            {"image_id": image, "strategy": strategy, "reason": reason}
            for image, strategy, reason in failures
        ]
        (folder / "metrics.json").write_text(json.dumps({"failures": failed}))
        return folder

    def evaluate(self, *runs: Path, **settings):
        """Measure runs into a folder of its own."""
        config = EvaluateConfig(
            runs=tuple(str(run) for run in runs), **{"resamples": 200, **settings}
        )
        output = self.folder / f"evaluated-{len(list(self.folder.glob('evaluated-*')))}"
        output.mkdir()
        return evaluate_reports(config, output)


def write_report(folder: Path, image_id: str, text: str, **changes) -> Path:
    """Write one report of a run, with the picture that the run kept."""
    parsed = parse_sections(text, SECTIONS)
    prediction = changes.pop("prediction", None)
    modality = changes.pop("modality", "chest radiograph")
    classifier = changes.pop("classifier", "toy")
    evidence = Evidence(
        image_id=image_id,
        dataset="data",
        modality=modality,
        image_size=(28, 28),
        prediction=predicted(image_id, prediction, classifier) if prediction else None,
    )
    values = {
        "image_id": image_id,
        "image_sha256": "0" * 64,
        "strategy": "concise",
        "strategy_version": 1,
        "engine": "scripted",
        "engine_reason": "a test",
        "is_mock": False,
        "model": "toy",
        "model_revision": "",
        "system_prompt": "",
        "prompt": "Describe.",
        "prompt_sha256": "0" * 64,
        "settings": GenerationSettings(max_new_tokens=20, seed=0, device="cpu", free_text=True),
        "raw": text,
        "text": text,
        "schema_valid": None,
        "sections": parsed.sections,
        "contract_met": not parsed.missing,
        "missing": parsed.missing,
        "evidence": evidence,
        "items": evidence.items(),
        "cited": [],
        "warnings": [],
        "seconds": 0.5,
        "prompt_tokens": 100,
        "tokens": 40,
        "synthetic": False,
        "medx_version": "0",
        "created": "2025-01-01T00:00:00+00:00",
        **changes,
    }
    report = Report.model_validate(values)
    path = folder / "reports" / f"{image_id}--{report.strategy}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json())
    (folder / "images").mkdir(exist_ok=True)
    PILImage.fromarray(np.full((28, 28), 90, np.uint8)).save(folder / f"images/{image_id}.png")
    return path


def predicted(image_id: str, label: str, classifier: str = "toy") -> Prediction:
    probability = 0.8 if label == "pneumonia" else 0.1
    return Prediction(
        id=image_id,
        probabilities={"normal": 1 - probability, "pneumonia": probability},
        label=label,
        operating_point=0.5,
        classifier=classifier,
    )


def claim(text: str, words: str, verdict: str, **changes) -> Agreement:
    """Return an agreement of one claim about the first ``words`` in ``text``."""
    start = text.index(words)
    told = {"finding": "Pneumonia", "status": "present", "reason": "P1 says the opposite"}
    place = {"start": start, "end": start + len(words)}
    return Agreement(claims=[Claim(**{**told, **place, "verdict": verdict, **changes})])


def warning(kind: str, text: str = "look out") -> ReportWarning:
    return ReportWarning(kind=kind, text=text)


TRUE_REPORTS = {"n1": NORMAL, "n2": NORMAL, "p1": PNEUMONIA, "p2": PNEUMONIA}


def named(result, name):
    """Return one contender of a result."""
    return next(contender for contender in result.contenders if contender.name == name)
