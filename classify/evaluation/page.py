"""An evaluation as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from classify.results import EvaluationResult
from medx.core.files import write_text
from medx.core.pages import data_uri, render_page

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
    figures = [
        (
            TITLES[Path(name).stem],
            data_uri((path.parent / name).read_bytes()),
            Path(name).stem in WIDE,
        )
        for name in result.figures
    ]
    columns = list(dict.fromkeys(group.column for group in result.subgroups))
    text = render_page("evaluation.html.j2", result=result, figures=figures, columns=columns)
    write_text(path, text)
    return path
