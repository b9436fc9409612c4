"""What one kind of index costs and finds; ``search.py`` runs this in a process of its own.

    python benchmarks/search_kinds.py build INDEX KIND      # prints JSON
    python benchmarks/search_kinds.py measure INDEX

The peak is read from the kernel every 20 ms without pages of files, which memory-mapped vectors
leave in a process only as long as there is room; ``peak_mb`` is with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from search_data import LOTS, queries_path

from medx.core.statistics import bootstrap_interval
from retrieval.encoders.base import Embeddings
from retrieval.index.gallery_index import GalleryIndex
from retrieval.store.compact import compact_index

TOP_K = 10
SHARES = (0.001, 0.01, 0.1, 0.5)
#: Seconds each speed is measured for.
SPAN = 2.0
#: How far rounding may move a similarity.
SAME = 1e-6


def main() -> None:
    """Run one step and print what it gave."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=("build", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", nargs="?", default="flat", help="of the index to build")
    asked = parser.parse_args()
    folder = asked.folder
    with anonymous_peak() as peak:
        result = build(folder, asked.kind) if asked.step == "build" else measure(folder)
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kib = kib / 1024 if sys.platform == "darwin" else kib
    result["peak_mb"] = round(kib * 1024 / 1e6, 1)
    result["peak_without_files_mb"] = round(peak[0] / 1e6, 1) or None
    sys.stdout.write(json.dumps(result) + "\n")


def build(folder: Path, kind: str) -> dict[str, Any]:
    """Give an index a kind."""
    started = time.perf_counter()
    result = compact_index(folder, kind=kind)
    seconds = time.perf_counter() - started
    extra = [path.stat().st_size for path in folder.glob(f"*.{result.kind}-*.faiss")]
    return {
        "kind": result.kind,
        "seconds": round(seconds, 2),
        "accelerator_mb": round(sum(extra) / 1e6, 1),
        "index_mb": round(result.megabytes, 1),
        "tuning": result.tuning.model_dump() if result.tuning else None,
    }


def measure(folder: Path) -> dict[str, Any]:
    """Measure recall and speed of open searches, exactness and speed of filtered ones."""
    started = time.perf_counter()
    index = GalleryIndex.load(folder)
    opened = time.perf_counter() - started
    queries = np.load(queries_path(folder))
    exact = index.search(queries, TOP_K, exact=True).rows
    found = index.search(queries, TOP_K).rows
    recalls = np.array([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])
    recall = bootstrap_interval(lambda values: float(values.mean()), recalls)
    return {
        "open_ms": round(1e3 * opened, 1),
        "recall_at_10": recall.model_dump(),
        "queries": len(queries),
        "qps_batch_1": speed(index, queries, 1),
        "qps_batch_64": speed(index, queries, 64),
        "filtered": {
            f"{share:g}": filtered(index, queries, share)
            for share in SHARES
            if share * len(index) >= 2 * TOP_K  # of a small index too few images are left
        },
    }


def filtered(index: GalleryIndex, queries: Embeddings, share: float) -> dict[str, Any]:
    """Measure searches among a share of the images, against NumPy's own inner products."""
    where = f"lot < {round(share * LOTS)}"
    started = time.perf_counter()
    allowed = index.items.mask_where(where)
    reading = time.perf_counter() - started
    asked = queries[:50]
    similarities = asked @ index.embeddings(np.flatnonzero(allowed)).T
    best = -np.sort(-similarities, axis=1)[:, :TOP_K]
    found = index.search(asked, TOP_K, where=where)
    one = [index.search(asked[i : i + 1], TOP_K, where=where).similarities for i in range(20)]
    exact = np.allclose(found.similarities, best, atol=SAME)
    return {
        "images": int(allowed.sum()),
        "exact": bool(exact and np.allclose(np.concatenate(one), best[:20], atol=SAME)),
        "filter_ms": round(1e3 * reading, 2),
        "qps_batch_1": speed(index, queries, 1, where=where),
        "qps_batch_64": speed(index, queries, 64, where=where),
    }


def speed(index: GalleryIndex, queries: Embeddings, batch: int, **restriction: str) -> float:
    """Return queries a second, by the median time of a search."""
    times: list[float] = []
    finish = time.perf_counter() + SPAN
    while time.perf_counter() < finish or len(times) < 3:
        start = len(times) * batch % (len(queries) - batch)
        asked = queries[start : start + batch]
        times.append(clock(lambda asked=asked: index.search(asked, TOP_K, **restriction)))
    return round(batch / statistics.median(times), 1)


def clock(work: Callable[[], object]) -> float:
    """Return the seconds ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def anonymous_peak() -> Iterator[list[int]]:
    """Yield a list whose one number becomes the most bytes held without pages of files.

    It stays 0 where the kernel does not tell.
    """
    peak, done = [0], threading.Event()

    def watch() -> None:
        status = Path("/proc/self/status")
        while status.is_file() and not done.wait(0.02):
            lines = [line for line in status.read_text().splitlines() if "RssAnon" in line]
            peak[0] = max([peak[0], *(int(line.split()[1]) * 1024 for line in lines)])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()
