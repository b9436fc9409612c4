"""What the images that a classifier gets wrong have in common, and whether it had warned.

    python benchmarks/failures.py EVALUATION...   # folders of `medx classify evaluate`, one a seed

It reads what the evaluations stored and the images they were of: no test split is met again.
A picture of the images that most seeds got wrong goes beside the first evaluation: images of
patients are to be looked at there, not to be published.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from classify.evaluation.delong import delong_interval
from medx.core.console import note, print_table
from medx.core.figures import save_image_grid
from medx.core.files import write_json
from medx.core.values import Interval
from medx.datasets.catalog import load_dataset

RESULTS = Path(__file__).parent / "results" / "failures.json"
SHOWN = 20

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What S seeds said of N images.

    Args:
        ids: N.
        target: N labels.
        wrong: ``(S, N)``.
        unsure: ``(S, N)``: the conformal set held more or less than one class.
        abstained: ``(S, N)``.
        unlike: ``(S, N)``: flagged as unlike the training images.
    """

    ids: list[str]
    target: npt.NDArray[np.str_]
    wrong: Flags
    unsure: Flags
    abstained: Flags
    unlike: Flags


def main() -> None:
    """Compare wrong with right images, print the tables, write results and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evaluations", type=Path, nargs="+")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    config = yaml.safe_load((options.evaluations[0] / "config.yaml").read_text(encoding="utf-8"))
    dataset = load_dataset(config["dataset"], data_dir=options.data_dir)
    answers = read_answers([folder / "predictions.csv" for folder in options.evaluations])
    images = {record.id: record for record in dataset.records}
    pixels = [dataset.read(images[name]).pixels for name in answers.ids]
    measured = {name: np.array([measure(p) for p in pixels]) for name, measure in MEASURES.items()}
    found = {
        "dataset": dataset.name,
        "split": config["split"],
        "seeds": len(answers.wrong),
        "agreement": describe_agreement(answers),
        "warned": describe_warnings(answers),
        "properties": describe_properties(answers, measured),
    }
    write_json(options.results, found)
    print_findings(found)
    usual = np.flatnonzero(answers.wrong.mean(axis=0) > 0.5)[:SHOWN]
    picture = options.evaluations[0] / "figures" / "usual_failures.png"
    captions = [f"{answers.ids[i]}\n{answers.target[i]}" for i in usual]
    save_image_grid([pixels[i] for i in usual], captions, picture, title="wrong in most seeds")
    note(f"wrote {picture} and {options.results}")


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
        wrong=flags(lambda row: row["label"] != row["target"]),
        unsure=flags(lambda row: row["conformal_set"].count("|") != 0 or not row["conformal_set"]),
        abstained=flags(lambda row: row["abstain"] == "True"),
        unlike=flags(lambda row: row["out_of_distribution"] == "True"),
    )


def describe_agreement(answers: Answers) -> dict[str, Any]:
    """Return how many images no, some, most and all seeds get wrong, by class.

    ``all_by_chance`` is what independent mistakes at each seed's rate would give.
    """
    rows = {}
    for label in np.unique(answers.target):
        wrong = answers.wrong[:, answers.target == label]
        share = wrong.mean(axis=0)
        rows[str(label)] = {
            "images": int(wrong.shape[1]),
            "by_seed": wrong.sum(axis=1).tolist(),
            "any": int((share > 0).sum()),
            "most": int((share > 0.5).sum()),
            "all": int((share == 1).sum()),
            "all_by_chance": float(wrong.shape[1] * wrong.mean(axis=1).prod()),
        }
    return rows


def describe_warnings(answers: Answers) -> dict[str, dict[str, float]]:
    """Return the share of wrong and of right answers, over seeds, that carried each warning."""
    kinds = {
        "conformal set not single": answers.unsure,
        "abstained": answers.abstained,
        "unlike the training images": answers.unlike,
        "any of them": answers.unsure | answers.abstained | answers.unlike,
    }
    return {
        name: {
            "wrong": float(flag[answers.wrong].mean()) if answers.wrong.any() else float("nan"),
            "right": float(flag[~answers.wrong].mean()),
        }
        for name, flag in kinds.items()
    }


def describe_properties(answers: Answers, measured: dict[str, Floats]) -> dict[str, Any]:
    """Return how well a property tells the images most seeds get wrong from those none does."""
    share = answers.wrong.mean(axis=0)
    rows: dict[str, Any] = {}
    for label in np.unique(answers.target):
        wrong = (answers.target == label) & (share > 0.5)
        right = (answers.target == label) & (share == 0)
        if wrong.sum() < 5:
            continue
        rows[str(label)] = {
            name: {
                "wrong": float(np.median(values[wrong])),
                "right": float(np.median(values[right])),
                "auroc": separation(values[wrong], values[right]),
            }
            for name, values in measured.items()
        }
    return rows


def separation(wrong: Floats, right: Floats) -> dict[str, Any] | None:
    """Return the AUROC of a property for being wrong, with its interval."""
    is_wrong = np.repeat([True, False], [len(wrong), len(right)])
    interval = delong_interval(is_wrong, np.concatenate([wrong, right]))
    return interval.model_dump() if interval else None


def brightness(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean grey, 0 to 1."""
    return float(as_grey(pixels).mean())


def contrast(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the standard deviation of grey, of 0 to 1."""
    return float(as_grey(pixels).std())


def sharpness(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean absolute Laplacian as a share of the contrast."""
    grey = as_grey(pixels)
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2]
    return float(np.abs(laplacian - grey[1:-1, 2:]).mean() / max(float(grey.std()), 1e-6))


def symmetry(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the correlation of the image with its mirror image."""
    grey = as_grey(pixels)
    return float(np.corrcoef(grey.ravel(), grey[:, ::-1].ravel())[0, 1])


def lower_half(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean grey of the lower half less that of the upper one."""
    grey = as_grey(pixels)
    half = len(grey) // 2
    return float(grey[half:].mean() - grey[:half].mean())


def as_grey(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Return grey ``(H, W)``, 0 to 1."""
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    return np.asarray(grey, np.float64) / 255.0


MEASURES = {
    "brightness": brightness,
    "contrast": contrast,
    "sharpness": sharpness,
    "left-right symmetry": symmetry,
    "lower half brighter by": lower_half,
}


def print_findings(found: dict[str, Any]) -> None:
    """Print the three tables."""
    print_table(
        (
            (label, r["images"], *(r[k] for k in ("any", "most", "all", "all_by_chance")))
            for label, r in found["agreement"].items()
        ),
        columns=("class", "images", "wrong in any", "in most", "in all", "in all by chance"),
        title=f"{found['dataset']}, split {found['split']}, {found['seeds']} seeds",
    )
    print_table(
        ((name, r["wrong"], r["right"]) for name, r in found["warned"].items()),
        columns=("warning", "of wrong answers", "of right answers"),
    )
    for label, rows in found["properties"].items():
        print_table(
            (
                (name, r["wrong"], r["right"], str(Interval(**r["auroc"])))
                for name, r in rows.items()
            ),
            columns=("property (median)", "wrong in most", "wrong in none", "AUROC"),
            title=f"{label}: images wrong in most seeds against those right in all",
        )


if __name__ == "__main__":
    main()
