"""What each part of the recipe is worth on PneumoniaMNIST at 28 px; the test split is never met.

    python benchmarks/ablation.py                 # seeds 0 1, resumable
    python benchmarks/ablation.py --seeds 0 --only "as it is" "without EMA"

Every variant trains on train and is judged on val under eight changes of acquisition (those of
``medx classify robustness``, severity 3): the mean AUC, and the mean balanced accuracy at three
thresholds, all chosen on val: the single best one, its mean over resamples, and the one that looks
at shifted copies. Views and ensembles need no training of their own. On val as it is, every
variant reaches an AUC above .99, which says nothing about another hospital.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from classify.predict import Classifier, load_classifier
from classify.recipe import load_recipe
from classify.robustness.corruptions import ACQUISITION
from classify.robustness.measure import corrupted_probabilities
from classify.training.train import train
from classify.trust.calibration import Calibration, fit_calibration
from classify.trust.thresholds import choose_threshold
from classify.trust.val_logits import ValLogits
from medx.core import settings
from medx.core.console import print_table
from medx.core.files import write_json
from medx.core.runs import describe_environment
from medx.datasets.catalog import load_dataset

DATASET = "pneumoniamnist"
RESULTS = Path(__file__).parent / "results" / "ablation.json"
SEVERITY = 3
RULE = "balanced_accuracy"

#: Changes to small-scratch that need a training.
TRAINED: dict[str, dict[str, Any]] = {
    "as it is": {},
    "usual instead of wide changes": {"augmentation": "radiograph"},
    "without EMA": {"ema_decay": 0.0},
    "cross-entropy instead of focal loss": {"loss": "cross-entropy"},
    "without balanced batches": {"balanced_sampling": False},
    "20 epochs": {"epochs": 20},
    "60 epochs": {"epochs": 60},
    "enlarged to 56 px": {"size": 56},
}

Probs = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What one variant says of val.

    Args:
        target: ``(N,)``, 1 is pneumonia.
        val: What it keeps of val, with shifted copies.
        calibration: Of its logits.
        elsewhere: Probability of pneumonia ``(K, N)`` under each change of acquisition.
    """

    target: npt.NDArray[np.int64]
    val: ValLogits
    calibration: Calibration
    elsewhere: Probs


def main() -> None:
    """Train what is missing, judge every variant, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+", choices=list(TRAINED), default=list(TRAINED))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {}
    whole = []
    for name in options.only:
        runs = [train_one(TRAINED[name], seed, options.data_dir) for seed in options.seeds]
        rows[name] = [judge(answer(load(run), options.data_dir)) for run in runs]
        if name == "as it is":
            rows["without shifted views"] = [
                judge(answer(load(run, tta="none"), options.data_dir)) for run in runs
            ]
            whole = [answer(load(run), options.data_dir) for run in runs]
        save(options, rows)
    if len(whole) > 1:
        rows[f"the {len(whole)} seeds together"] = [judge(together(whole))]
    save(options, rows)
    print_rows(rows)


def train_one(changes: dict[str, Any], seed: int, data_dir: Path | None) -> Path:
    """Train a variant, finish it or find it trained; return its folder."""
    recipe = load_recipe("small-scratch").config()
    config = replace(recipe, dataset=DATASET, seed=seed, **changes)
    label = "-".join(f"{k}={v}" for k, v in changes.items()) or "as-it-is"
    run_dir = settings.output_dir() / "classify" / "train" / f"ablation-{label}-seed{seed}"
    train(config, run_dir, load_dataset(DATASET, data_dir=data_dir), resume=True)
    return run_dir


def load(run_dir: Path, *, tta: str | None = None) -> Classifier:
    """Return a trained variant, with other views where asked."""
    classifier = load_classifier(run_dir, "cpu")
    if tta is not None:
        classifier.description = classifier.description.model_copy(update={"tta": tta})
    return classifier


def answer(classifier: Classifier, data_dir: Path | None) -> Answers:
    """Ask a classifier about val as it is, its shifted copies, and under each change."""
    part = load_dataset(DATASET, data_dir=data_dir).split("val")
    target = np.asarray(part.targets(), np.int64)
    pixels = np.stack([classifier.fit(p) for p in part.load_pixels(classifier.size).pixels])
    assert classifier.val is not None
    val = classifier.val
    if classifier.description.tta == "none":
        val = replace(val, logits=classifier.logits(pixels), shifted=None)
    calibration = fit_calibration(val.logits, val.target)
    elsewhere = [
        corrupted_probabilities(classifier, pixels, change, SEVERITY, seed=0)[:, 1]
        for change in ACQUISITION
    ]
    return Answers(target=target, val=val, calibration=calibration, elsewhere=np.stack(elsewhere))


def together(parts: list[Answers]) -> Answers:
    """Return the mean answer of several seeds."""

    def mean_logits(logits: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        probs = [p.calibration.probabilities(x) for p, x in zip(parts, logits, strict=True)]
        return np.log(np.clip(np.mean(probs, axis=0), 1e-7, 1)).astype(np.float32)

    first = parts[0]
    copies = [p.val.shifted for p in parts]
    shifted = np.stack(
        [mean_logits([c[i] for c in copies if c is not None]) for i in range(len(copies[0]))]  # type: ignore[arg-type]
    )
    return Answers(
        target=first.target,
        val=replace(first.val, logits=mean_logits([p.val.logits for p in parts]), shifted=shifted),
        calibration=Calibration(temperature=1.0, bias=(0.0, 0.0)),
        elsewhere=np.mean([p.elsewhere for p in parts], axis=0),
    )


def judge(answers: Answers) -> dict[str, float]:
    """Return the figures of one variant and seed."""
    alone = choose_threshold(replace(answers.val, shifted=None), answers.calibration, RULE)
    thresholds = {"best on val": alone.plain, "mean over resamples of val": alone.threshold}
    if answers.val.shifted is not None:
        copied = choose_threshold(answers.val, answers.calibration, RULE)
        thresholds["on shifted copies too"] = copied.threshold
    found = {"AUC": float(np.mean([roc_auc_score(answers.target, p) for p in answers.elsewhere]))}
    for name, threshold in {"at 0.5": 0.5, **thresholds}.items():
        found[name] = float(
            np.mean(
                [balanced_accuracy_score(answers.target, p >= threshold) for p in answers.elsewhere]
            )
        )
    return found


def save(options: argparse.Namespace, rows: dict[str, list[dict[str, float]]]) -> None:
    """Write what is measured so far."""
    environment = describe_environment()
    write_json(
        options.results,
        {
            "dataset": f"{DATASET}, 28 px, val under changes of acquisition; test not met",
            "command": "python benchmarks/ablation.py --seeds " + " ".join(map(str, options.seeds)),
            "packages": environment["packages"],
            "variants": json.loads(json.dumps(rows)),
        },
    )


def print_rows(rows: dict[str, list[dict[str, float]]]) -> None:
    """Print the mean over seeds, and each seed's AUC."""
    columns = [
        "AUC",
        "at 0.5",
        "best on val",
        "mean over resamples of val",
        "on shifted copies too",
    ]
    print_table(
        (
            (
                name,
                *(mean_of(found, column) for column in columns),
                " ".join(f"{one['AUC']:.4f}" for one in found),
            )
            for name, found in rows.items()
        ),
        columns=("small-scratch", *columns, "AUC by seed"),
        title="val under eight changes of acquisition; balanced accuracy by threshold",
    )


def mean_of(found: list[dict[str, float]], column: str) -> str:
    """Return the mean of a column, or a dash where it was not measured."""
    values = [one[column] for one in found if column in one]
    return f"{statistics.mean(values):.4f}" if values else "-"


if __name__ == "__main__":
    main()
