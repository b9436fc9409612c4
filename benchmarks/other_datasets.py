"""The classifier's recipes, unchanged, on data that they were not chosen on.

    python benchmarks/other_datasets.py                     # small-scratch, seeds 0 1 2
    python benchmarks/other_datasets.py --recipe best --seeds 0

Blood cells are the crops of the boxes in ``blood/`` of MEDX_DATA_DIR (three classes), by field.
Phantoms are synthetic: phantom-cxr as it comes, split by patient, and with one virtual centre held
out, which shows what the others do not teach. All by medx commands; each model meets test once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from medx.core import settings
from medx.core.console import print_table
from medx.core.files import write_json
from medx.core.runs import describe_environment
from medx.core.words import many

RESULTS = Path(__file__).parent / "results" / "other_datasets.json"
METRICS = ("auroc", "accuracy", "balanced_accuracy")
HELD_OUT = "source=centre-B"


def main() -> None:
    """Prepare the data, train and evaluate, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="small-scratch")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="Fewer, for a quick look.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    shorter = ["--epochs", str(options.epochs)] if options.epochs else []
    data_dir = settings.data_dir()
    rows: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["MEDX_OUTPUT_DIR"] = str(Path(scratch) / "outputs")
        for dataset in prepare(Path(scratch), data_dir):
            found = rows[Path(dataset).name] = []
            for seed in options.seeds:
                found.append(measure(dataset, options.recipe, seed, shorter))
                save(options, rows)
    print_table(
        (summarise(name, found) for name, found in rows.items()),
        columns=("dataset", "n test", *METRICS, "chance accuracy", "seconds"),
        title=f"{options.recipe}, test split, mean ± sd of {many(len(options.seeds), 'seed')}",
    )


def save(options: argparse.Namespace, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write what is measured so far."""
    environment = describe_environment()
    write_json(
        options.results,
        {
            "command": f"python benchmarks/other_datasets.py --recipe {options.recipe} --seeds "
            + " ".join(map(str, options.seeds)),
            "packages": environment["packages"],
            "python": environment["python"],
            "datasets": rows,
        },
    )


def prepare(scratch: Path, data_dir: Path | None) -> Iterable[str]:
    """Write the datasets; yield how commands call each."""
    if data_dir is not None and (data_dir / "blood").is_dir():
        cells = str(scratch / "blood-cells")
        medx("data", "import", data_dir / "blood", "--output", scratch / "fields")
        medx("data", "crop", scratch / "fields", "--output", cells)
        medx("data", "split", cells, "--force")
        yield cells
    yield "phantom-cxr"
    held = str(scratch / "phantom-cxr-held-out")
    medx("data", "split", "phantom-cxr", "--holdout", HELD_OUT, "--output", held)
    yield held


def measure(dataset: str, recipe: str, seed: int, shorter: list[str]) -> dict[str, Any]:
    """Train one seed and evaluate it on test."""
    name = f"{Path(dataset).name}-{seed}"
    where = ("--dataset", dataset, "--name", name)
    trained = medx("classify", "train", *where, "--recipe", recipe, "--seed", seed, *shorter)
    tested = medx("classify", "evaluate", *where, "--run", name)
    return {
        "seed": seed,
        "seconds": trained["seconds"],
        "size": trained["size"],
        "synthetic": tested["synthetic"],
        "n": tested["n"],
        "chance_accuracy": tested["chance"]["accuracy"],
        **{metric: tested["metrics"][metric] for metric in METRICS},
    }


def summarise(name: str, rows: list[dict[str, Any]]) -> list[object]:
    """Return one row of the table."""
    made_up = " (synthetic)" if rows[0]["synthetic"] else ""
    figures = [spread([row[metric]["estimate"] for row in rows]) for metric in METRICS]
    chance = f"{rows[0]['chance_accuracy']:.3f}"
    return [name + made_up, rows[0]["n"], *figures, chance, spread([r["seconds"] for r in rows], 0)]


def spread(values: list[float], digits: int = 3) -> str:
    """Return mean ± standard deviation."""
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {sd:.{digits}f}"


def medx(*arguments: object) -> dict[str, Any]:
    """Run one command and return its result."""
    command = [sys.executable, "-m", "medx.cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
