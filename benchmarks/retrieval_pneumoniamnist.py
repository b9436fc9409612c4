"""PneumoniaMNIST at 28 px searched by image and by words, with several encoders.

    python benchmarks/retrieval_pneumoniamnist.py                      # seeds 0 to 2
    python benchmarks/retrieval_pneumoniamnist.py --classifier RUN     # features of a run at hand
    python benchmarks/retrieval_pneumoniamnist.py --biomedclip FOLDER  # adds BiomedCLIP
    python benchmarks/retrieval_pneumoniamnist.py --skip-test          # val only

Encoders: ``compact``; a head adapted to it (one a seed); the features of a classifier of recipe
small-scratch (one a seed, trained when no run is given; a run at hand stands for one seed), with
and without a head; and BiomedCLIP with and without a head where its weights are at hand. All learn
from the train split. Each is measured on val, and the best by val is named before test is met: once
an encoder, as the ledger shows. What is in the results already is not measured again.

Chance is .530 for leave-one-out on test and .561 against the train gallery. To compare with, P@1 of
test queries in the train gallery at 28 px: BiomedCLIP .857 and UNI .809 (zero-shot, Mahbod et al.
2025, Engineering Applications of Artificial Intelligence 150:110571); for text→image no figure is
published.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pneumoniamnist import read_recipe, recipe_key, run_seed

from medx.core import settings
from medx.core.console import note, print_line, print_table
from medx.core.files import write_json
from medx.core.runs import describe_environment, load_json
from medx.embedder import join_subsystems
from retrieval.config import AdaptConfig, EvaluateConfig, GalleryConfig
from retrieval.encoders.biomedclip_files import find_biomedclip
from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
from retrieval.evaluation.results import EvaluationResult
from retrieval.gallery import Gallery, open_gallery
from retrieval.training.adapt import adapt_encoder

DATASET = "pneumoniamnist"
RESULTS = Path(__file__).parent / "results" / "retrieval_pneumoniamnist.json"
TOP_KS = (1, 5, 10)
#: What chooses the best encoder on val.
CHOSEN_BY = ("leave-one-out", "P@10", "all queries")


class Candidate(NamedTuple):
    """One encoder with its index, and the column it belongs to."""

    column: str
    seed: int | None
    gallery: Gallery


def main() -> None:
    """Measure every encoder on val, then on test; print the tables and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--classifier", help="A run of medx classify train, by name or folder.")
    parser.add_argument("--biomedclip", type=Path, help="Its folder, where not in the hub cache.")
    parser.add_argument("--columns", nargs="+", help="Only these: compact, adapted, classifier …")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--skip-test", action="store_true", help="The test split is not met.")
    options = parser.parse_args()
    join_subsystems()
    stored = load_json(options.results) if options.results.is_file() else {}
    done: dict[str, Any] = stored.get("encoders", {}) if "columns" in stored else {}
    candidates = list(list_candidates(options))
    for split in ("val",) if options.skip_test else ("val", "test"):
        for candidate in candidates:
            measure(candidate, split, done)
        if split == "val":
            print_line(f"best by val {CHOSEN_BY[1]}, {CHOSEN_BY[0]}: {best_by_val(done)}")
        write_results(options.results, done)
        print_results(done, split)


def list_candidates(options: argparse.Namespace) -> Iterator[Candidate]:
    """Yield every encoder, trained or adapted first where it is not there yet."""

    def wanted(column: str) -> bool:
        return not options.columns or column in options.columns

    base = GalleryConfig(dataset=DATASET, data_dir=options.data_dir, encoder="compact")
    compact = open_gallery(base)
    if wanted("compact"):
        yield Candidate("compact", None, compact)
    if wanted("adapted"):
        for seed in options.seeds:
            yield Candidate("adapted", seed, adapted(compact, "compact", seed, options.data_dir))
    if wanted("classifier"):
        for seed, run in classifier_runs(options):
            config = GalleryConfig(
                dataset=DATASET, data_dir=options.data_dir, encoder=f"classifier:{run}"
            )
            gallery = open_gallery(config)
            yield Candidate("classifier", seed, gallery)
            head = adapted(gallery, Path(run).name, seed or 0, options.data_dir)
            yield Candidate("adapted-classifier", seed, head)
    weights = options.biomedclip or find_biomedclip()
    if weights is None:
        note("no BiomedCLIP: its weights are not at hand (--biomedclip FOLDER)")
    elif wanted("biomedclip"):
        config = GalleryConfig(
            dataset=DATASET, data_dir=options.data_dir, encoder="biomedclip", weights=weights
        )
        gallery = open_gallery(config)
        yield Candidate("biomedclip", None, gallery)
        for seed in options.seeds:
            name = "adapted-biomedclip"
            yield Candidate(name, seed, adapted(gallery, "biomedclip", seed, options.data_dir))


def adapted(gallery: Gallery, base: str, seed: int, data_dir: Path | None) -> Gallery:
    """Return the gallery of a head of default settings, trained when it is not there."""
    folder = settings.output_dir() / "retrieve" / "adapt" / f"{DATASET}-{base}-seed{seed}"
    if not (folder / "metrics.json").is_file():
        adapt_encoder(gallery.index, gallery.encoder, folder, AdaptConfig(seed=seed))
    config = GalleryConfig(dataset=DATASET, data_dir=data_dir, encoder=f"adapted:{folder}")
    return open_gallery(config)


def classifier_runs(options: argparse.Namespace) -> Iterator[tuple[int | None, str]]:
    """Yield seed and run of every classifier, trained where none is given."""
    if options.classifier:
        yield None, options.classifier
        return
    recipe = read_recipe("small-scratch", None)
    for seed in options.seeds:
        run_seed(recipe, seed, options.data_dir, with_test=False)
        name = f"{DATASET}-{recipe.recipe}-{recipe_key(recipe)}-seed{seed}"
        yield seed, str(settings.output_dir() / "classify" / "train" / name)


def measure(candidate: Candidate, split: str, done: dict[str, Any]) -> None:
    """Measure one encoder on a split, unless that was done with these very weights."""
    fingerprint = candidate.gallery.encoder.fingerprint
    entry = done.setdefault(
        str(fingerprint), {"column": candidate.column, "seed": candidate.seed, "splits": {}}
    )
    if split in entry["splits"]:
        return
    note(f"{fingerprint} on {split}")
    config = EvaluateConfig(split=split, top_ks=TOP_KS, errors=0)
    result = evaluate_index(candidate.gallery.index, candidate.gallery.encoder, config)
    name = f"{DATASET}-{candidate.column}-{candidate.seed}-{split}"
    run_dir = settings.output_dir() / "retrieve" / "evaluate" / name
    run_dir.mkdir(parents=True, exist_ok=True)
    entry["splits"][split] = describe(save_evaluation(result, run_dir))


def describe(result: EvaluationResult) -> dict[str, Any]:
    """Return the figures that tables show, with what went into them."""
    protocols = {}
    for protocol in result.protocols:
        figures = [
            {
                "measure": row.name,
                "of": row.label or {"all": "all queries", "macro": "mean of classes"}[row.scope],
                "value": row.value.model_dump(exclude={"method"}),
                "chance": row.chance,
                "n": row.n,
            }
            for row in protocol.rows
        ]
        about = protocol.model_dump(
            include={
                "queries", "gallery", "excluded_duplicates", "prompts", "unmeasured", "hubness",
                "resampled", "chance_method",
            }
        )  # fmt: skip
        protocols[protocol.protocol] = {**about, "figures": figures}
    return {
        "protocols": protocols,
        "test_evaluations": result.test_evaluations,
        "git": describe_environment()["git"],
    }


def figure(entry: dict[str, Any], split: str, key: tuple[str, str, str]) -> dict[str, Any] | None:
    """Return one figure of an encoder; None where it was not measured."""
    protocol, measure_name, of = key
    held = entry["splits"].get(split, {"protocols": {}})["protocols"].get(protocol)
    for row in held["figures"] if held else ():
        if (row["measure"], row["of"]) == (measure_name, of):
            return dict(row)
    return None


def best_by_val(done: dict[str, Any]) -> str:
    """Return the column with the highest mean on val."""
    means = {column: mean_of(done, column, "val", CHOSEN_BY)[0] for column in columns(done)}
    return max(means, key=means.__getitem__)


def columns(done: dict[str, Any]) -> list[str]:
    """Return the columns in order."""
    return list(dict.fromkeys(entry["column"] for entry in done.values()))


def mean_of(
    done: dict[str, Any], column: str, split: str, key: tuple[str, str, str]
) -> tuple[float, float, list[dict[str, Any]]]:
    """Return mean and standard deviation over seeds, and each seed's figure."""
    found = [
        row
        for entry in done.values()
        if entry["column"] == column and (row := figure(entry, split, key))
    ]
    values = [row["value"]["estimate"] for row in found]
    if not values:
        return float("nan"), 0.0, []
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0, found


def write_results(path: Path, done: dict[str, Any]) -> None:
    """Write every encoder and how to repeat it."""
    environment = describe_environment()
    write_json(
        path,
        {
            "dataset": f"{DATASET}, 28 px; test met once an encoder",
            "command": "python benchmarks/retrieval_pneumoniamnist.py",
            "packages": environment["packages"],
            "python": environment["python"],
            "best_by_val": best_by_val(done),
            "columns": columns(done),
            "encoders": done,
        },
    )


def print_results(done: dict[str, Any], split: str) -> None:
    """Print one table a protocol: rows of figures, a column an encoder, chance beside."""
    scopes = {
        "leave-one-out": ["all queries"],
        "train-gallery": ["all queries"],
        "class-prompts": ["normal", "pneumonia", "mean of classes"],
    }
    for protocol, names in scopes.items():
        rows = []
        for of in names:
            for measure_name in (*(f"P@{k}" for k in TOP_KS), "mAP"):
                key = (protocol, measure_name, of)
                cells = [mean_of(done, column, split, key) for column in columns(done)]
                chance = next((c[2][0]["chance"] for c in cells if c[2]), None)
                rows.append([of, measure_name, *(show(cell) for cell in cells), chance])
        print_table(
            rows,
            columns=("of", "measure", *columns(done), "chance"),
            title=f"{DATASET}, {split}, {protocol}: one encoder with its 95 % interval, or the "
            "mean ± sd over seeds",
        )
    looks = max(e["splits"].get("test", {}).get("test_evaluations", 0) for e in done.values())
    print_line(f"each encoder met the test split {looks} time(s) at most")


def show(cell: tuple[float, float, list[dict[str, Any]]]) -> str | None:
    """Return a cell of a table."""
    mean, deviation, found = cell
    if not found:
        return None
    if len(found) > 1:
        return f"{mean:.3f} ± {deviation:.3f}"
    value = found[0]["value"]
    return f"{mean:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


if __name__ == "__main__":
    main()
