"""What the page offers to choose from: a few archived images to try, and values to filter by."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from medx.case.neighbours import GALLERY_SPLIT
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items

SAMPLES = 6

#: Train images that are looked at, and images fetched for it: an archive of any size answers soon.
LOOKED_AT, MOST_FETCHED = 512, 16_384

#: Columns that are worth a list to choose from, and the longest such list.
LISTED, MOST_VALUES = ("label", "split", "source", "dataset"), 100


def choose_samples(index: GalleryIndex) -> list[str]:
    """Return ids of train images, the same each time, of as many labels as can be."""
    held = index.description.splits.get(GALLERY_SPLIT, 0)
    if not held:
        return []
    rng = np.random.default_rng(0)
    wanted = math.ceil(LOOKED_AT * len(index) / held)
    rows = rng.choice(len(index), min(wanted, len(index), MOST_FETCHED), replace=False)
    index.items.remember(rows)
    by_label: defaultdict[str | None, list[str]] = defaultdict(list)
    for item in map(index.items.item, rows.tolist()):
        if item.split == GALLERY_SPLIT:
            by_label[item.label].append(item.id)
    turns = [(turn, name) for ids in by_label.values() for turn, name in enumerate(ids[:SAMPLES])]
    chosen = [name for _, name in sorted(turns, key=lambda pair: pair[0])[:SAMPLES]]
    return [chosen[i] for i in rng.permutation(len(chosen))]  # their order tells no label


def list_values(items: Items) -> dict[str, list[str]]:
    """Return what a condition can ask for, of the columns that hold few different values."""
    found = {name: items.distinct(name, MOST_VALUES) for name in LISTED}
    return {name: values for name, values in found.items() if values and len(values) > 1}
