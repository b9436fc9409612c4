"""Building an accelerator, and tuning it on images that are held out meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from medx.core.console import progress_bar
from retrieval.bootstrap import mean_interval
from retrieval.encoders.base import Embeddings
from retrieval.index.accelerators import Accelerator, Rows
from retrieval.index.kinds import HNSW_LINKS, LEAST, Kind, list_count
from retrieval.index.tuning import MEASURED_TOP_K, TARGET_RECALL, Tuning
from retrieval.index.vectors import FlatVectors, fitting_threads

#: Held images: half to tune on, half to measure on.
HELD_MOST = 1000
#: Recall aimed at in tuning: the other half of the held images, and other queries, give some back.
AIM = (1 + TARGET_RECALL) / 2
HNSW_BUILD_EFFORT = 80
# Texts ask from farther away than the held images do: even the least effort leaves them room.
HNSW_EFFORTS = (64, 128, 256, 512, 1024)
IVF_LEAST_LISTS = 8
IVF_CANDIDATES = (40, 80, 160, 320, 640)
#: Training vectors for each list.
LIST_SAMPLE = 40
TRAINING_ROUNDS = 8
BLOCK_ROWS = 16_384
#: Of unit vectors the nearest by L2 are the nearest by cosine; by L2 a graph between tight clusters
#: holds together, and codes of what is left after a list's centre still tell its vectors apart.
METRIC = faiss.METRIC_L2


def build_accelerator(kind: Kind, vectors: FlatVectors, *, seed: int = 0) -> Accelerator | None:
    """Return a tuned accelerator over all rows of ``vectors``; None for ``flat``.

    Some rows are held out while it is built and tuned, and ask it as new images would; they are
    added at the end.

    Raises:
        ValueError: When there are too few rows to learn from.
    """
    if kind == "flat":
        return None
    if len(vectors) < LEAST:
        raise ValueError(f"{kind} needs at least {LEAST} vectors, got {len(vectors)}")
    order = np.random.default_rng(seed).permutation(len(vectors))
    held = np.sort(order[: min(HELD_MOST, len(vectors) // 5)])
    others = np.setdiff1d(order, held)
    index = _empty_index(kind, len(others), vectors.dim, seed)
    sample = np.sort(order[len(held) :][: max(20_000, LIST_SAMPLE * list_count(len(others)))])
    _train(index, vectors.take(sample), seed)
    with progress_bar(f"building {kind}", len(vectors)) as progress:
        for rows in _blocks(others):
            index.add_with_ids(vectors.take(rows), rows)
            progress.advance(progress.task_ids[0], len(rows))
        accelerator = Accelerator(index, kind)
        accelerator.tuning = _tune(accelerator, vectors, held)
        index.add_with_ids(vectors.take(held), held)
        progress.advance(progress.task_ids[0], len(held))
    return accelerator


def recall_at_k(
    vectors: FlatVectors,
    queries: Embeddings,
    rows: Rows,
    exact: Rows,
) -> npt.NDArray[np.float64]:
    """Return the share of the true neighbours that each query's candidates hold, ``(Q,)``.

    Two copies of an image are one as good as the other.

    Args:
        vectors: What the rows are of.
        queries: ``(Q, dim)``.
        rows: ``(Q, n)`` candidates, each once; -1 is none.
        exact: ``(Q, k)`` the true neighbours.
    """
    least = vectors.similarities(queries, exact).min(axis=1, keepdims=True)
    found = (vectors.similarities(queries, rows) >= least).sum(axis=1)
    return np.asarray(np.minimum(found, exact.shape[1]) / exact.shape[1], np.float64)


def _tune(accelerator: Accelerator, vectors: FlatVectors, held: Rows) -> Tuning:
    """Return the least effort that reaches the aim on one half, measured on the other."""
    queries = vectors.take(held)
    mask = np.ones(len(vectors), bool)
    mask[held] = False
    _, exact = vectors.search(queries, MEASURED_TOP_K, mask=mask)
    half = slice(0, len(held), 2)
    effort, count = _choose(accelerator, vectors, queries[half], exact[half])
    half = slice(1, len(held), 2)
    rows = accelerator.propose(queries[half], effort, count)
    recalls = recall_at_k(vectors, queries[half], rows, exact[half])
    return Tuning(
        kind=accelerator.kind,
        effort=effort,
        candidates=count,
        recall=mean_interval(recalls, unit="queries"),
        queries=len(recalls),
    )


def _choose(
    accelerator: Accelerator,
    vectors: FlatVectors,
    queries: Embeddings,
    exact: Rows,
) -> tuple[int, int]:
    best, chosen = -1.0, (0, 0)
    for effort, counts in _settings(accelerator):
        rows = accelerator.propose(queries, effort, counts[-1])
        for count in counts:
            recall = float(recall_at_k(vectors, queries, rows[:, :count], exact).mean())
            if recall > best + 1e-9:
                best, chosen = recall, (effort, count)
            if recall >= AIM:
                return effort, count
    return chosen


def _settings(accelerator: Accelerator) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield efforts, least first, each with the numbers of candidates to try."""
    count = len(accelerator)
    if accelerator.kind == "hnsw":
        for effort in HNSW_EFFORTS:
            yield effort, (min(effort, count),)
        return
    lists = list_count(count)
    counts = tuple(sorted({min(n, count) for n in IVF_CANDIDATES}))
    effort = min(IVF_LEAST_LISTS, lists)
    while effort < lists:
        yield effort, counts
        effort *= 2
    yield lists, counts


def _empty_index(kind: Kind, count: int, dim: int, seed: int) -> Any:
    library: Any = faiss  # its stubs know the C++ constructors only
    if kind == "hnsw":
        codes = library.ScalarQuantizer.QT_8bit
        graph = library.IndexHNSWSQ(dim, codes, HNSW_LINKS, METRIC)
        graph.hnsw.efConstruction = HNSW_BUILD_EFFORT
        return library.IndexIDMap(graph)
    lists = list_count(count)
    if kind == "ivf-sq8":
        index = library.index_factory(dim, f"IVF{lists},SQ8", METRIC)
    else:
        width = next(size for size in (4, 2, 3, 5, 7, 1) if dim % size == 0)
        index = library.index_factory(dim, f"IVF{lists},PQ{dim // width}x4fsr", METRIC)
        index.pq.cp.seed = seed
        index.pq.cp.min_points_per_centroid = 1
    return index


def _train(index: Any, sample: Embeddings, seed: int) -> None:
    library: Any = faiss
    if isinstance(index, faiss.IndexIVF):
        lists = library.Kmeans(
            index.d, index.nlist, niter=TRAINING_ROUNDS, seed=seed, min_points_per_centroid=1
        )
        lists.train(sample)
        index.quantizer.add(lists.centroids)
    # Codes are learned in many small steps: on a busy machine threads wait for each other at each.
    with fitting_threads(many=False):
        index.train(sample)


def _blocks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]
