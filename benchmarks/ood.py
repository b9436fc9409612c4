"""How well a classifier tells images unlike its training images, pair by pair.

    python benchmarks/ood.py --run RUN                     # its own dataset's test split
    python benchmarks/ood.py --run RUN --dataset NAME

The test split of the run's dataset is set against stained blood cells (crops of the boxes in
``blood/`` of MEDX_DATA_DIR, turned to grey), noise, text pages, and the split itself as negatives,
upside down and shrunk within a black frame. AUROC with DeLong 95 % interval, of the score that
flags images and of its two parts; the energy of the logits (Liu et al. 2020) stands beside them for
comparison. Labels are not read, and nothing is chosen here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageDraw
from scipy.special import logsumexp

from classify.evaluation.delong import delong_interval
from classify.predict import Classifier, load_classifier
from classify.runs import choose_run
from classify.trust.ood import combine
from medx.core import settings
from medx.core.bootstrap import Bootstrap
from medx.core.console import print_table
from medx.core.files import write_json
from medx.core.images import Pixels, read_image, resize
from medx.core.shares import measure_share
from medx.core.values import Interval
from medx.datasets.catalog import load_dataset
from medx.datasets.importers.sources import read_source

RESULTS = Path(__file__).parent / "results" / "ood.json"
COUNT, PAGE_SIDE, SMALLEST_CELL = 500, 512, 8
FRAMED = 2 / 3
KINDS = ("score", "features", "pixels", "energy")


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run")
    parser.add_argument("--dataset")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    run_dir, name = choose_run(options.run, options.dataset, options.data_dir)
    classifier = load_classifier(run_dir, "cpu")
    part = load_dataset(name, data_dir=options.data_dir).split("test")
    known = part.load_pixels(classifier.size).pixels
    others = unlike_images(classifier, known, options.data_dir or settings.data_dir())
    inside = score_all(classifier, known)
    rows = []
    for what, pixels in others.items():
        outside = score_all(classifier, pixels)
        areas = {kind: compare(inside[kind], outside[kind]) for kind in KINDS}
        flagged = measure_share(outside["score"] > 1, Bootstrap())
        rows.append((what, len(pixels), flagged, *areas.values()))
    own = measure_share(inside["score"] > 1, Bootstrap())
    print_table(
        rows,
        columns=("against", "n", "flagged", *(f"AUROC of {kind}" for kind in KINDS)),
        title=f"{classifier.name}: {part.name} test (n = {len(known)}, flagged {own})",
    )
    write_results(options.results, classifier.name, part.name, len(known), own, rows)


def unlike_images(
    classifier: Classifier, known: Pixels, data_dir: Path | None
) -> dict[str, Pixels]:
    """Return images of other kinds as the classifier takes them, by what they are."""
    size, rng = classifier.size, np.random.default_rng(0)
    noise = rng.integers(0, 256, (COUNT, size, size), dtype=np.uint8)
    found = {
        "inverted": 255 - known,
        "upside down": known[:, ::-1],
        "within a black frame": np.stack([frame(image) for image in known]),
        "noise": fit_all(classifier, noise),
    }
    found["text pages"] = fit_all(classifier, [text_page(rng) for _ in range(COUNT)])
    if data_dir is not None and (data_dir / "blood").is_dir():
        found |= {k: fit_all(classifier, v) for k, v in blood(data_dir / "blood", size).items()}
    return found


def fit_all(classifier: Classifier, images: list[Pixels] | Pixels) -> Pixels:
    """Return images of any size as the classifier takes them."""
    return np.stack([classifier.fit(image) for image in images])


def frame(image: Pixels) -> Pixels:
    """Return an image shrunk to ``FRAMED`` of its side on a black square of the old side."""
    size = len(image)
    small = resize(image, round(FRAMED * size))
    before = (size - len(small)) // 2
    after = size - len(small) - before
    edges = [(before, after), (before, after), (0, 0)]
    return np.pad(small, edges[: image.ndim])


def blood(folder: Path, size: int) -> dict[str, list[Pixels]]:
    """Return each boxed cell, and each whole field, of stained smears."""
    cells, fields = [], []
    for record in read_source(str(folder)).records:
        pixels = read_image(folder / record.path).pixels
        fields.append(pixels)
        for box in record.boxes:
            top, left = max(0, box.y), max(0, box.x)
            cut = pixels[top : box.y + box.height, left : box.x + box.width]
            if min(cut.shape[:2]) >= SMALLEST_CELL:
                cells.append(resize(np.ascontiguousarray(cut), size))
    return {"blood cells, grey": cells, "smear fields, grey": fields}


def text_page(rng: np.random.Generator) -> Pixels:
    """Return a white page of dark words, larger than any input."""
    page = PILImage.new("L", (PAGE_SIDE, PAGE_SIDE), 255)
    draw = ImageDraw.Draw(page)
    letters = list("abcdefghijklmnopqrstuvwxyz      ")
    step, ink = int(rng.integers(14, 40)), int(rng.integers(0, 80))
    for y in range(step, PAGE_SIDE - step, step):
        words = "".join(rng.choice(letters, int(rng.integers(10, 80))))
        draw.text((20, y), words, fill=ink, font_size=0.8 * step)
    return np.asarray(page)


def score_all(classifier: Classifier, pixels: Pixels) -> dict[str, npt.NDArray[np.float64]]:
    """Return every score of images ``(N, S, S[, 3])``; larger is more unlike."""
    parts = classifier.ood_parts(pixels)
    if parts is None:
        raise ValueError("the run has no out-of-distribution score")
    energy = -np.asarray(logsumexp(classifier.logits(pixels), axis=1), np.float64)
    return {"score": combine(parts), **parts, "energy": energy}


def compare(inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64]) -> Interval | None:
    """Return how often an unlike image scores above a known one."""
    positive = np.append(np.zeros(len(inside), bool), np.ones(len(outside), bool))
    return delong_interval(positive, np.append(inside, outside))


def write_results(
    path: Path, run: str, dataset: str, n: int, own: Interval | None, rows: list[tuple[object, ...]]
) -> None:
    """Write the table and how to repeat it."""
    table = []
    for what, count, flagged, *areas in rows:
        values = {kind: vars(area) for kind, area in zip(KINDS, areas, strict=True) if area}
        table.append({"against": what, "n": count, "flagged": vars(flagged), "auroc": values})
    result = {
        "command": f"python benchmarks/ood.py --run {run}",
        "known": {"dataset": f"{dataset}, test", "n": n, "flagged": vars(own) if own else None},
        "pairs": table,
    }
    write_json(path, result)


if __name__ == "__main__":
    main()
