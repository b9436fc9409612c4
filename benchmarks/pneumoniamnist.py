"""PneumoniaMNIST at 28 px from scratch: the default recipe over several seeds.

    python benchmarks/pneumoniamnist.py                    # seeds 0 1 2
    python benchmarks/pneumoniamnist.py --seeds 0 1 2 3 4

Each seed trains the defaults of ``medx classify train``, which choose epoch, temperature and
threshold on val, and then meets the test split once. A seed that is already in the results is not
run again, and an interrupted training goes on where it stopped. To compare with: MedMNIST v2
reports AUC 0.944 and accuracy 0.854 for ResNet-18 at 28 px.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from pathlib import Path
from typing import Any

import torch

from classify.config import TrainConfig, as_mapping
from classify.evaluate import evaluate
from classify.train import train
from medx.core import settings
from medx.core.console import print_table
from medx.core.files import write_json
from medx.core.runs import describe_environment
from medx.datasets.catalog import load_dataset

DATASET = "pneumoniamnist"
RESULTS = Path(__file__).parent / "results" / "pneumoniamnist.json"
METRICS = ("auroc", "accuracy", "sensitivity", "specificity", "balanced_accuracy")
SUMMARISED = ("auroc", "accuracy", "accuracy_at_half", "sensitivity", "specificity", "seconds")


def main() -> None:
    """Train, evaluate, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--skip-test", action="store_true", help="Stop at val; the test split is not met."
    )
    options = parser.parse_args()
    done = read_done(options.results)
    for seed in options.seeds:
        if str(seed) not in done["seeds"]:
            row = run_seed(seed, options.data_dir, with_test=not options.skip_test)
            if not options.skip_test:
                done["seeds"][str(seed)] = row
                write_results(options.results, done)
            else:
                print(json.dumps(row, indent=2))
    if done["seeds"]:
        print_results(done["seeds"])


def run_seed(seed: int, data_dir: Path | None, *, with_test: bool) -> dict[str, Any]:
    """Train one seed, or finish it, and evaluate it."""
    dataset = load_dataset(DATASET, data_dir=data_dir)
    config = TrainConfig(dataset=DATASET, seed=seed)
    name = f"{DATASET}-{recipe_key()}-seed{seed}"
    run_dir = settings.output_dir() / "classify" / "train" / name
    trained = train(config, run_dir, dataset, resume=True)
    row = {
        "git": describe_environment()["git"],
        "seconds": trained.seconds,
        "images_per_second": trained.images_per_second,
        "epochs_run": trained.epochs_run,
        "best_epoch": trained.best_epoch,
        "parameters": trained.parameters,
        "temperature": trained.temperature,
        "operating_point": trained.operating_point,
        "val": describe_metrics(trained.val),
        "val_at_half": describe_metrics(trained.val_at_half),
    }
    if with_test:
        output_dir = settings.output_dir() / "classify" / "evaluate" / name
        tested = evaluate(run_dir, dataset, "test", output_dir=output_dir)
        row |= {
            "test": describe_metrics(tested.metrics),
            "test_at_half": describe_metrics(tested.metrics_at_half),
            "test_evaluations": tested.test_evaluations,
        }
    return row


def describe_metrics(measured: Any) -> dict[str, dict[str, float]]:
    """Return estimates with their intervals."""
    return {name: measured[name].model_dump() for name in METRICS}


def describe_recipe() -> dict[str, Any]:
    """Return every default that training depends on."""
    unlike = {"seed", "dataset", "device"}
    return {k: v for k, v in as_mapping(TrainConfig()).items() if k not in unlike}


def recipe_key() -> str:
    """Return a short name of the recipe, so that runs of an older one stay apart."""
    text = json.dumps(describe_recipe(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_done(path: Path) -> dict[str, Any]:
    """Return earlier results of the very same recipe, else empty ones."""
    recipe = describe_recipe()
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["recipe"] == recipe:
            return dict(stored)
    return {"recipe": recipe, "seeds": {}}


def write_results(path: Path, done: dict[str, Any]) -> None:
    """Write every seed, the summary over them and how to repeat it."""
    environment = describe_environment()
    write_json(
        path,
        {
            "command": f"python benchmarks/pneumoniamnist.py --seeds {' '.join(done['seeds'])}",
            "dataset": f"{DATASET}, 28 px; epoch, temperature and threshold chosen on val",
            "threads": torch.get_num_threads(),
            "packages": environment["packages"],
            "python": environment["python"],
            "recipe": done["recipe"],
            "seeds": done["seeds"],
            "summary": summarise(done["seeds"]),
        },
    )


def summarise(seeds: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation (over seeds) of each figure on test."""
    columns = {name: [flatten(row)[name] for row in seeds.values()] for name in SUMMARISED}
    return {
        name: {
            "mean": statistics.mean(values),
            "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
        }
        for name, values in columns.items()
    }


def flatten(row: dict[str, Any]) -> dict[str, float]:
    """Return the figures of one seed that the table shows."""
    test, half = row["test"], row["test_at_half"]
    return {
        **{name: test[name]["estimate"] for name in METRICS},
        "accuracy_at_half": half["accuracy"]["estimate"],
        "seconds": row["seconds"],
    }


def print_results(seeds: dict[str, Any]) -> None:
    """Print one row a seed, then the mean ± standard deviation."""
    rows: list[list[object]] = [
        [seed, *(flatten(row)[name] for name in SUMMARISED)] for seed, row in seeds.items()
    ]
    summary = summarise(seeds)
    rows.append(
        ["mean ± sd", *(f"{summary[n]['mean']:.3f} ± {summary[n]['sd']:.3f}" for n in SUMMARISED)]
    )
    most = max(row["test_evaluations"] for row in seeds.values())
    print_table(
        rows,
        columns=("seed", *SUMMARISED),
        title=f"test split; each model met it {most} time(s) at most",
    )


if __name__ == "__main__":
    main()
