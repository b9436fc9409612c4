"""The kinds of index that medx knows, as Milvus calls them."""

from __future__ import annotations

import math
from typing import Any, Final

from retrieval.index.tuning import TARGET_RECALL

#: What ``medx`` calls a kind and what Milvus does.
MILVUS_KINDS: Final = {
    "flat": "FLAT",
    "hnsw": "HNSW",
    "ivf-sq8": "IVF_SQ8",
    "ivf-pq": "IVF_PQ",
}
#: Kinds of which milvus-lite builds what it says it does.
LITE_KINDS: Final = ("flat", "hnsw", "ivf-sq8")
#: Kinds whose similarities are those of compressed vectors and have to be computed again.
COMPRESSED: Final = ("ivf-sq8", "ivf-pq")
#: What is tried in turn until the recall on held images is ``AIM``.
EFFORTS: Final = {
    "hnsw": (16, 32, 64, 128, 256, 512, 1024),
    "ivf-sq8": (8, 16, 32, 64, 128, 256, 512),
    "ivf-pq": (8, 16, 32, 64, 128, 256, 512),
}
#: Above what is promised: the held images that are not tried on give some back.
AIM = (1 + TARGET_RECALL) / 2
#: Candidates that are compared again for each wanted hit of a compressed kind.
CANDIDATES = 8


def build_params(kind: str, count: int, dim: int) -> dict[str, Any]:
    """Return what ``add_index`` takes for a kind over ``count`` vectors."""
    lists = min(65_536, max(1, round(4 * math.sqrt(count))))
    params: dict[str, Any] = {
        "flat": {},
        "hnsw": {"M": 32, "efConstruction": 200},
        "ivf-sq8": {"nlist": lists},
        "ivf-pq": {"nlist": lists, "m": _subvectors(dim), "nbits": 8},
    }[kind]
    return {"index_type": MILVUS_KINDS[kind], "metric_type": "IP", "params": params}


def search_params(kind: str, limit: int, effort: int | None = None) -> dict[str, Any]:
    """Return how widely a kind is searched for ``limit`` hits.

    Args:
        kind: Of index.
        limit: Hits a query; a graph cannot look at fewer rows.
        effort: ``ef`` of a graph, ``nprobe`` of an inverted file.
    """
    params: dict[str, Any] = {}
    if kind == "hnsw":
        params = {"ef": min(32_768, max(effort or 128, limit))}
    elif kind != "flat":
        params = {"nprobe": effort or 64}
    return {"metric_type": "IP", "params": params}


def _subvectors(dim: int) -> int:
    """Return the largest number of parts, at most one for four values, that divides ``dim``."""
    return next(parts for parts in range(max(1, dim // 4), 0, -1) if dim % parts == 0)
