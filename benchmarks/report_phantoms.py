"""Reports on phantom radiographs against their reference reports, and against not looking.

    python benchmarks/report_phantoms.py                                  # seeds 0 to 2, the mock
    python benchmarks/report_phantoms.py --engine mock --engine medgemma  # where weights are
    python benchmarks/report_phantoms.py --engine openai=medgemma --set base_url=http://HOST/v1
    python benchmarks/report_phantoms.py --count 120 --size 32 --seeds 0 --epochs 1 --resamples 50

Draws a dataset (synthetic: no claim about patients), trains one classifier a seed, builds an index
of the train split, and writes a report by every engine with every strategy on all test images; the
guard against unlike images is off, so that none is left out. Beside them: the most frequent train
report for all, a fixed normal report for all, and each contender's reports on other images. The
mock looks at no image: it says what classifier, heat-map and neighbours say, so its figures are
theirs. Reports of a seed that are there are kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from classify.recipe import load_recipe
from classify.training.train import train
from medx.case.report_runs import write_runs
from medx.cli.options import resolve_config
from medx.core.console import note, print_line, print_table
from medx.core.files import write_json
from medx.core.runs import describe_environment
from medx.datasets.manifest_files import load_manifest
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.dataset import write_phantom_dataset
from reportgen.config import ReportConfig
from reportgen.evaluation.config import EvaluateConfig
from reportgen.evaluation.evaluate import evaluate_reports
from reportgen.evaluation.results import Contender, ReportEvaluation
from reportgen.strategies import STRATEGIES
from reportgen.strategies.load import load_strategy

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "report_phantoms.json"
#: Findings that count as stated when they are present or uncertain.
POSSIBLE = 1


def main() -> None:
    """Write and measure reports of every seed; print the table and write the results."""
    options = read_options()
    # The index is called after the dataset, and so would be another phantoms' one.
    os.environ["MEDX_OUTPUT_DIR"] = str(options.work / "outputs")
    os.environ["MEDX_INDEX_DIR"] = str(options.work / "indexes")
    folder = options.work / f"phantoms-{options.count}-{options.size}"
    if not (folder / "manifest.csv").is_file():
        config = PhantomConfig(count=options.count, size=options.size, seed=0)
        write_phantom_dataset(config, folder)
    seeds = {str(seed): measure(seed, folder, options) for seed in options.seeds}
    write_results(options, seeds)
    print_results(seeds)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=4000, help="images to draw")
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of classifiers")
    parser.add_argument("--epochs", type=int, help="of the recipe small-scratch")
    parser.add_argument("--engine", action="append", help="ENGINE or ENGINE=MODEL")
    parser.add_argument("--strategy", action="append", help="a name or a file")
    parser.add_argument("--set", action="append", default=[], help="a setting as name=value")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--work", type=Path, default=Path("outputs/report_phantoms"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def measure(seed: int, folder: Path, options: argparse.Namespace) -> ReportEvaluation:
    """Train a classifier, write reports on all test images, and measure them."""
    name = f"{folder.name}-seed{seed}" + (f"-{options.epochs}" if options.epochs else "")
    train_dir = options.work / "outputs" / "classify" / "train" / name
    recipe = replace(
        load_recipe("small-scratch").config(),
        dataset=str(folder),
        seed=seed,
        device=options.device,
        **({"epochs": options.epochs} if options.epochs else {}),
    )
    train(recipe, train_dir, load_manifest(folder), resume=True)
    config = resolve_config(
        ReportConfig(
            dataset=str(folder),
            num_samples=options.count,
            strategies=tuple(options.strategy or STRATEGIES),
            run=str(train_dir),
            device=options.device,
            allow_unlike=True,
        ),
        given={},
        assignments=options.set,
    )
    compared = options.work / "outputs" / "report" / "compare" / name
    written = write_runs(
        config,
        options.engine or ["mock"],
        [load_strategy(strategy) for strategy in config.strategies],
        compared / "runs",
        resume=True,
        exact=False,
    )
    asked = EvaluateConfig(
        runs=tuple(map(str, written.folders)), shared=True, resamples=options.resamples
    )
    result = evaluate_reports(asked, compared, notes=written.notes)
    note(f"seed {seed}: {result.page}")
    return result


def describe(contender: Contender) -> dict[str, Any]:
    """Return the figures that the table shows, with what went into them."""
    found = contender.findings[POSSIBLE] if contender.findings else None
    stated = contender.statements[POSSIBLE]
    figures = {
        "finding_f1": found.f1 if found else None,
        "finding_precision": found.precision if found else None,
        "finding_recall": found.recall if found else None,
        "finding_macro_f1": found.macro_f1 if found else None,
        "laterality": contender.laterality.accuracy if contender.laterality else None,
        "label_agreement": stated.agreement,
        "sensitivity": stated.sensitivity,
        "specificity": stated.specificity,
        "yes_bias": stated.yes_bias,
        **contender.wording,
    }
    return {
        "kind": contender.kind.value,
        "is_mock": contender.is_mock,
        "images": contender.images,
        "reports": contender.reports,
        "sides": contender.laterality.findings if contender.laterality else 0,
        "figures": {k: v.model_dump() if v else None for k, v in figures.items()},
        "quality": contender.quality.model_dump() if contender.quality else None,
    }


def write_results(options: argparse.Namespace, seeds: dict[str, ReportEvaluation]) -> None:
    """Write every seed's figures and how to repeat them."""
    environment = describe_environment()
    words = ["python benchmarks/report_phantoms.py", f"--count {options.count}"]
    words += [f"--size {options.size}", "--seeds", *map(str, options.seeds)]
    words += [f"--epochs {options.epochs}"] if options.epochs else []
    for option in ("engine", "strategy", "set"):
        words += [f"--{option} {value}" for value in getattr(options, option) or []]
    write_json(
        options.results,
        {
            "command": " ".join(words),
            "synthetic": True,
            "packages": environment["packages"],
            "python": environment["python"],
            "git": environment["git"],
            "seeds": {
                seed: {
                    "images": result.images,
                    "test_evaluations": [run.test_evaluations for run in result.runs],
                    "unit": result.unit,
                    "resamples": result.bootstrap_resamples,
                    "notes": result.notes,
                    "contenders": {c.name: describe(c) for c in result.contenders},
                    "flip_groups": [group.model_dump() for group in result.flip_groups],
                    "tests": [test.model_dump() for test in result.tests],
                }
                for seed, result in seeds.items()
            },
        },
    )
    print_line(f"written to {options.results}")


def print_results(seeds: dict[str, ReportEvaluation]) -> None:
    """Print a row a contender: the figure of one seed with its interval, or mean ± sd of seeds."""
    shown = ("finding_f1", "finding_macro_f1", "laterality", "label_agreement", "yes_bias")
    names = list(dict.fromkeys(c.name for result in seeds.values() for c in result.contenders))
    rows = []
    for name in names:
        found = [describe(c) for r in seeds.values() for c in r.contenders if c.name == name]
        rows.append((name, *(show([x["figures"][key] for x in found]) for key in shown)))
    print_table(
        rows,
        columns=("reports", *(key.replace("_", " ") for key in shown)),
        title="Synthetic radiographs, test; the mock says what its evidence says",
    )


def show(figures: list[dict[str, Any] | None]) -> str | None:
    """Return a cell of the table."""
    known = [figure for figure in figures if figure]
    if not known:
        return None
    values = [figure["estimate"] for figure in known]
    if len(values) > 1:
        return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"
    return f"{values[0]:.3f} [{known[0]['low']:.3f}, {known[0]['high']:.3f}]"


if __name__ == "__main__":
    main()
