"""How fast medx searches, beside FAISS as it comes and beside the torch way of answering in words.

    python benchmarks/search.py                   # 20 000 vectors of dim 512
    python benchmarks/search.py --count 100000

Vectors are random: the search is exact, so only its speed is in question. The first part compares
``GalleryIndex.search`` with a plain ``faiss.IndexFlatIP``; the second the whole command
``medx retrieve text-search`` on a built index with a process that only imports torch, open_clip and
faiss, which any answer through them pays before it starts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np

from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.config import BuildConfig
from retrieval.encoders.base import Fingerprint, normalize
from retrieval.encoders.compact import CompactEncoder
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items

FAISS_THRESHOLD = 128_000  # what faiss 1.15 sets for itself
TOP_K = 10


def main() -> None:
    """Measure and print both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=faiss.omp_get_max_threads())
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    print(
        f"faiss {faiss.__version__}, {faiss.omp_get_max_threads()} threads, load {os.getloadavg()}"
    )
    compare_flat(options.count, options.dim, options.repeats)
    compare_cold_starts()


def compare_flat(count: int, dim: int, repeats: int) -> None:
    """Print the median time of both searches in turn, at batch 1 and 64."""
    rng = np.random.default_rng(0)
    vectors = normalize(rng.normal(size=(count, dim)).astype(np.float32))
    index, plain = make_gallery(vectors), faiss.IndexFlatIP(dim)
    plain.add(vectors)
    ours = faiss.cvar.distance_compute_blas_threshold
    for batch in (1, 64):
        queries = normalize(rng.normal(size=(batch, dim)).astype(np.float32))
        times: dict[str, list[float]] = {"medx": [], "faiss": []}
        for _ in range(repeats):
            faiss.cvar.distance_compute_blas_threshold = ours
            times["medx"].append(clock(lambda q=queries: index.search(q, TOP_K)))
            faiss.cvar.distance_compute_blas_threshold = FAISS_THRESHOLD
            times["faiss"].append(clock(lambda q=queries: plain.search(q, TOP_K)))
        faiss.cvar.distance_compute_blas_threshold = ours
        same = (index.search(queries, TOP_K).rows == plain.search(queries, TOP_K)[1]).mean()
        medx_ms, faiss_ms = (1e3 * statistics.median(times[name]) for name in ("medx", "faiss"))
        print(
            f"{count} × {dim}, batch {batch}: medx {medx_ms:.2f} ms, faiss {faiss_ms:.2f} ms "
            f"({faiss_ms / medx_ms:.1f}×), {same:.1%} of hits the same"
        )


def compare_cold_starts() -> None:
    """Print the wall time of a whole text search and of the imports the torch way needs."""
    with tempfile.TemporaryDirectory() as folder:
        index_dir = Path(folder, "phantoms")
        dataset = load_dataset("phantom-cxr")
        build_index(dataset, CompactEncoder(), index_dir, BuildConfig(limit=300))
        medx = Path(sys.executable).with_name("medx")
        asked = [medx, "retrieve", "text-search", "consolidation", "--index", index_dir]
        imports = [sys.executable, "-c", "import torch, open_clip, faiss"]
        answer = statistics.median(clock(lambda: run(asked)) for _ in range(5))
        loading = statistics.median(clock(lambda: run(imports)) for _ in range(3))
    print(
        f"cold text-search with compact: {answer:.2f} s from start to table; "
        f"importing torch, open_clip and faiss alone: {loading:.2f} s ({loading / answer:.1f}×)"
    )


def make_gallery(vectors: np.ndarray) -> GalleryIndex:
    """Return an index over ``vectors`` with made-up items."""
    items = Items.from_items(
        [Item(id=str(i), content_hash=str(i), path="") for i in range(len(vectors))]
    )
    dim = vectors.shape[1]
    description = IndexDescription(
        name="random",
        encoder=Fingerprint(name="none", weights_sha256="", preprocessing="", dim=dim),
        count=len(vectors),
        dataset="random",
        dataset_source="random",
        synthetic=True,
    )
    return GalleryIndex.from_embeddings(vectors, items, description)


def clock(work: Callable[[], object]) -> float:
    """Return the seconds ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run(command: list[str | Path]) -> None:
    """Run a command and discard what it says."""
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
