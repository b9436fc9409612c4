"""An evaluation as one self-contained HTML page."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from classify.results import EvaluationResult
from medx.core.files import write_text

TITLES = {
    "confusion_matrix": "Confusion matrix: images, and shares of each true class",
    "roc": "ROC",
    "precision_recall": "Precision and recall",
    "reliability": "Reliability: what was said, and what came true",
    "decision_curve": "Decision curve: net benefit of acting on the probability",
    "embedding_map": "Where the images lie in the features, by class and by error",
    "risk_coverage": "Errors against the share of images that is not left to a person",
    "failures": "Wrong, least probable truth first",
    "correct": "Right, at random",
    "uncertain": "Least sure",
}
WIDE = ("confusion_matrix", "embedding_map", "failures", "correct", "uncertain")


def save_page(result: EvaluationResult, path: Path) -> Path:
    """Write the page; its pictures are read from the figures beside it."""
    environment = Environment(
        loader=PackageLoader("medx", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [
        (TITLES[Path(name).stem], _data_uri(path.parent / name), Path(name).stem in WIDE)
        for name in result.figures
    ]
    columns = list(dict.fromkeys(group.column for group in result.subgroups))
    text = environment.get_template("evaluation.html.j2").render(
        result=result, figures=figures, columns=columns
    )
    write_text(path, text)
    return path


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
