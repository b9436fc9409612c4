"""How often the heat-map of a text query peaks inside the box of what it names, and by chance.

    python benchmarks/text_heatmaps.py --encoder compact --images 300

Pointing game (Zhang et al. 2018) on images of ``phantom-cxr`` with one kind of box; the words are
the label's name. Chance is the share of the image that the boxes cover.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from medx.core.statistics import bootstrap_interval
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Record
from retrieval.encoders.base import Encoder
from retrieval.encoders.load import load_encoder
from retrieval.search.heatmap import enlarge_map


def main() -> None:
    """Print the pointing game by label."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--encoder", default="compact")
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, default=300)
    asked = parser.parse_args()
    encoder, dataset = load_encoder(asked.encoder), load_dataset("phantom-cxr")
    records = [
        r for r in dataset.split(asked.split).records if len({b.label for b in r.boxes}) == 1
    ]
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in records[: asked.images]:
        outcome = point(encoder, record, dataset.read(record).pixels)
        found[record.boxes[0].label].append(outcome)
        found["all"].append(outcome)
    print(f"{encoder.name}, phantom-cxr (synthetic), split {asked.split}")
    for label, outcomes in found.items():
        hits, chances = np.array(outcomes).T
        interval = bootstrap_interval(lambda rows: float(rows.mean()), hits)
        print(f"{label:22} n={len(hits):4} inside {interval} chance {chances.mean():.3f}")


def point(encoder: Encoder, record: Record, pixels: np.ndarray) -> tuple[float, float]:
    """Return whether the map of an image peaks inside a box, and the share the boxes cover."""
    height, width = pixels.shape[:2]
    inside = np.zeros((height, width), bool)
    for box in record.boxes:
        inside[box.y : box.y + box.height, box.x : box.x + box.width] = True
    text = encoder.embed_texts([record.boxes[0].label])[0]
    values = enlarge_map(encoder.patch_similarities(pixels, text), width, height)
    return float(inside.ravel()[values.argmax()]), float(inside.mean())


if __name__ == "__main__":
    main()
