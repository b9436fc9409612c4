"""What the images that a classifier gets wrong have in common, and whether it had warned.

    python benchmarks/failures.py EVALUATION...   # folders of `medx classify evaluate`, one a seed

It reads what the evaluations stored and the images they were of: no test split is met again.
Pictures go beside the first evaluation: the images that most seeds got wrong, and the mistakes of
each class with probability, conformal set and heat-map (``pip install 'medx[explain]'``). Images
of patients are to be looked at there, not to be published; ``--picture`` writes the second one
elsewhere, of synthetic images alone.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from failure_pictures import Mistake, save_failures
from failure_properties import compare_properties, measure_properties

from classify.predict import load_classifier
from medx.core.console import note, print_table
from medx.core.figures import save_image_grid
from medx.core.files import write_json
from medx.core.shares import exact_share
from medx.core.statistics import bootstrap_interval
from medx.core.values import Interval
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Record

RESULTS = Path(__file__).parent / "results" / "failures.json"
SHOWN = 20
COSTLIEST = 5
FIGURES = ("auroc", "accuracy", "balanced_accuracy")

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What S seeds said of N images.

    Args:
        ids: N.
        target: N labels.
        said: ``(S, N)`` labels.
        probabilities: A class → ``(S, N)``.
        sets: Of the first seed: the classes that each image may be of.
        wrong: ``(S, N)``.
        unsure: ``(S, N)``: the conformal set held more or less than one class.
        abstained: ``(S, N)``.
        unlike: ``(S, N)``: flagged as unlike the training images.
    """

    ids: list[str]
    target: npt.NDArray[np.str_]
    said: npt.NDArray[np.str_]
    probabilities: dict[str, Floats]
    sets: list[list[str]]
    wrong: Flags
    unsure: Flags
    abstained: Flags
    unlike: Flags

    @property
    def warned(self) -> Flags:
        """``(S, N)``: any of the three."""
        return self.unsure | self.abstained | self.unlike


def main() -> None:
    """Compare wrong with right images, print the tables, write results and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evaluations", type=Path, nargs="+")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, help="Of synthetic images alone.")
    options = parser.parse_args()
    config = yaml.safe_load((options.evaluations[0] / "config.yaml").read_text(encoding="utf-8"))
    dataset = load_dataset(config["dataset"], data_dir=options.data_dir)
    if options.picture and not dataset.synthetic:
        raise SystemExit("--picture is for synthetic images: no patient's image leaves its folder")
    answers = read_answers([folder / "predictions.csv" for folder in options.evaluations])
    by_id = {record.id: record for record in dataset.records}
    records = [by_id[name] for name in answers.ids]
    pixels = [dataset.read(record).pixels for record in records]
    found = {
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "split": config["split"],
        "seeds": len(answers.wrong),
        "evaluations": [read_figures(folder / "metrics.json") for folder in options.evaluations],
        "agreement": describe_agreement(answers, records),
        "called": describe_answers(answers),
        "auroc_lost": describe_lost_pairs(answers),
        "warned": describe_warnings(answers),
        "properties": compare_properties(
            answers.target, answers.wrong.mean(axis=0), measure_properties(records, pixels)
        ),
    }
    write_json(options.results, found)
    print_findings(found)
    usual = np.flatnonzero(answers.wrong.mean(axis=0) > 0.5)[:SHOWN]
    picture = options.evaluations[0] / "figures" / "usual_failures.png"
    captions = [f"{answers.ids[i]}\n{answers.target[i]}" for i in usual]
    save_image_grid([pixels[i] for i in usual], captions, picture, title="wrong in most seeds")
    composite = options.picture or picture.with_name("failures_by_class.png")
    classifier = load_classifier(Path(config["run"]), "cpu")
    mistakes = gather_mistakes(answers, records, pixels)
    title = (
        f"{dataset.name}{' (synthetic)' if dataset.synthetic else ''}: wrong answers of one seed"
    )
    save_failures(mistakes, classifier, composite, title=f"{title}, least probable truth first")
    note(f"wrote {picture}, {composite} and {options.results}")


def gather_mistakes(
    answers: Answers, records: list[Record], pixels: list[npt.NDArray[np.uint8]]
) -> list[Mistake]:
    """Return the wrong answers of the first seed."""
    often = answers.wrong.sum(axis=0)
    return [
        Mistake(
            pixels=pixels[i],
            boxes=records[i].boxes,
            truth=str(answers.target[i]),
            said=str(answers.said[0, i]),
            probabilities={name: float(p[0, i]) for name, p in answers.probabilities.items()},
            conformal_set=answers.sets[i],
            seeds=f"wrong in {often[i]} of {len(answers.wrong)}",
        )
        for i in np.flatnonzero(answers.wrong[0])
    ]


def read_figures(path: Path) -> dict[str, Any]:
    """Return what an evaluation reached, and chance."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    metrics = {name: stored["metrics"][name] for name in FIGURES}
    return {"n": stored["n"], "metrics": metrics, "chance": stored["chance"]}


def read_answers(paths: list[Path]) -> Answers:
    """Read ``predictions.csv`` of each seed."""
    tables = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as stream:
            tables.append(sorted(csv.DictReader(stream), key=lambda row: row["id"]))
    ids = [row["id"] for row in tables[0]]
    if any([row["id"] for row in table] != ids for table in tables):
        raise SystemExit("the evaluations are not of the same images")

    def flags(test: Callable[[dict[str, str]], bool]) -> Flags:
        return np.array([[test(row) for row in table] for table in tables])

    return Answers(
        ids=ids,
        target=np.array([row["target"] for row in tables[0]]),
        said=np.array([[row["label"] for row in table] for table in tables]),
        probabilities={
            name.removeprefix("p_"): np.array([[float(r[name]) for r in rows] for rows in tables])
            for name in tables[0][0]
            if name.startswith("p_")
        },
        sets=[list(filter(None, row["conformal_set"].split("|"))) for row in tables[0]],
        wrong=flags(lambda row: row["label"] != row["target"]),
        unsure=flags(lambda row: row["conformal_set"].count("|") != 0 or not row["conformal_set"]),
        abstained=flags(lambda row: row["abstain"] == "True"),
        unlike=flags(lambda row: row["out_of_distribution"] == "True"),
    )


def describe_agreement(answers: Answers, records: list[Record]) -> dict[str, Any]:
    """Return how many images no, some, most and all seeds get wrong, by class.

    ``all_by_chance`` is what independent mistakes at each seed's rate would give.
    """
    rows = {}
    for label in np.unique(answers.target):
        wrong = answers.wrong[:, answers.target == label]
        share = wrong.mean(axis=0)
        rows[str(label)] = {
            "images": int(wrong.shape[1]),
            "wrong": mean_of(
                share, [r for r, t in zip(records, answers.target, strict=True) if t == label]
            ),
            "by_seed": wrong.sum(axis=1).tolist(),
            "any": int((share > 0).sum()),
            "most": int((share > 0.5).sum()),
            "all": int((share == 1).sum()),
            "all_by_chance": float(wrong.shape[1] * wrong.mean(axis=1).prod()),
        }
    return rows


def mean_of(share: Floats, records: list[Record]) -> dict[str, Any]:
    """Return the mean over images with its interval, by patient where all are known."""
    groups = [record.group for record in records if record.group]
    named = groups if len(groups) == len(records) else None
    if share.min() == share.max() and share[0] in (0, 1):
        count = len(set(named)) if named else len(share)
        of = "patients" if named else "images"
        return exact_share(int(share[0]) * count, count, of=of).model_dump()
    return bootstrap_interval(lambda s: float(s.mean()), share, groups=named).model_dump()


def describe_answers(answers: Answers) -> dict[str, dict[str, float]]:
    """Return the share of each answer for each class, over seeds; the most frequent first."""
    rows = {}
    for label in np.unique(answers.target):
        names, counts = np.unique(answers.said[:, answers.target == label], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        rows[str(label)] = {str(names[i]): float(counts[i] / counts.sum()) for i in order}
    return rows


def describe_lost_pairs(answers: Answers) -> dict[str, Any] | None:
    """Return what AUROC lacks of 1, and how much of it single images cost, as a mean over seeds.

    AUROC is the share of pairs of a positive and a negative that are ranked rightly; a tie is
    half of one. Every lost pair counts for both of its images. None unless there are two classes.
    """
    if len(answers.probabilities) != 2:
        return None
    positive = list(answers.probabilities)[1]
    scores, is_positive = answers.probabilities[positive], answers.target == positive
    high, low = scores[:, is_positive, None], scores[:, None, ~is_positive]
    lost = ((low > high) + 0.5 * (low == high)).mean(axis=0)
    cost = np.empty(len(answers.ids))
    cost[is_positive], cost[~is_positive] = (
        lost.sum(axis=1) / lost.size,
        lost.sum(axis=0) / lost.size,
    )
    rows = {}
    for label in np.unique(answers.target):
        of_label = np.flatnonzero(answers.target == label)
        costliest = of_label[np.argsort(-cost[of_label], kind="stable")[:COSTLIEST]]
        rows[str(label)] = [
            {
                "id": answers.ids[i],
                "lost": float(cost[i]),
                "seeds_unlike": int(answers.unlike[:, i].sum()),
                "seeds_warned": int(answers.warned[:, i].sum()),
            }
            for i in costliest
        ]
    return {"whole": float(lost.mean()), "costliest": rows}


def describe_warnings(answers: Answers) -> dict[str, dict[str, float]]:
    """Return the share of wrong and of right answers, over seeds, that carried each warning."""
    kinds = {
        "conformal set not single": answers.unsure,
        "abstained": answers.abstained,
        "unlike the training images": answers.unlike,
        "any of them": answers.warned,
    }
    return {
        name: {
            "wrong": float(flag[answers.wrong].mean()) if answers.wrong.any() else float("nan"),
            "right": float(flag[~answers.wrong].mean()),
        }
        for name, flag in kinds.items()
    }


def print_findings(found: dict[str, Any]) -> None:
    """Print the tables."""
    print_table(
        (
            (seed, row["n"], *(_beside_chance(row, name) for name in FIGURES))
            for seed, row in enumerate(found["evaluations"])
        ),
        columns=("evaluation", "n", *FIGURES),
    )
    print_table(
        (
            (
                label,
                r["images"],
                str(Interval(**r["wrong"])),
                *(r[k] for k in ("any", "most", "all", "all_by_chance")),
                ", ".join(f"{k} {v:.2f}" for k, v in list(found["called"][label].items())[:3]),
            )
            for label, r in found["agreement"].items()
        ),
        columns=(
            "class",
            "images",
            "wrong (mean)",
            "in any",
            "in most",
            "in all",
            "in all by chance",
            "called",
        ),
        title=f"{found['dataset']}, split {found['split']}, {found['seeds']} seeds",
    )
    print_table(
        ((name, r["wrong"], r["right"]) for name, r in found["warned"].items()),
        columns=("warning", "of wrong answers", "of right answers"),
    )
    if (pairs := found["auroc_lost"]) is not None:
        print_table(
            (
                (label, r["id"], f"{r['lost']:.4f}", r["seeds_unlike"], r["seeds_warned"])
                for label, rows in pairs["costliest"].items()
                for r in rows
            ),
            columns=("class", "image", "AUROC lost", "seeds that flag it", "seeds that warn"),
            title=f"images that cost most of the {pairs['whole']:.4f} that AUROC lacks",
        )
    for label, rows in found["properties"].items():
        print_table(
            (
                (name, *r["images"], r["wrong"], r["right"], str(Interval(**r["auroc"])))
                for name, r in rows.items()
            ),
            columns=("property", "n wrong", "n right", "median wrong", "median right", "AUROC"),
            title=f"{label}: images wrong in most seeds against those right in all",
        )


def _beside_chance(row: dict[str, Any], name: str) -> str:
    return f"{Interval(**row['metrics'][name])}, chance {row['chance'][name]:.3f}"


if __name__ == "__main__":
    main()
