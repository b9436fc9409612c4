"""A few archived images to try the page on."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow.compute as pc

from medx.case.neighbours import GALLERY_SPLIT
from retrieval.index.items import Items

SAMPLES = 6

#: Rows that are looked at, so that an archive of any size answers at once.
LOOKED_AT = 512


def choose_samples(items: Items) -> list[str]:
    """Return ids of train images, the same each time, of as many labels as can be."""
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(pc.equal(items.table.column("split"), GALLERY_SPLIT).to_numpy())
    rows = rng.permutation(rows)[:LOOKED_AT]
    by_label: defaultdict[str | None, list[str]] = defaultdict(list)
    for row in rows:
        item = items.item(int(row))
        by_label[item.label].append(item.id)
    turns = [(turn, name) for ids in by_label.values() for turn, name in enumerate(ids[:SAMPLES])]
    chosen = [name for _, name in sorted(turns, key=lambda pair: pair[0])[:SAMPLES]]
    return [chosen[i] for i in rng.permutation(len(chosen))]  # their order tells no label
