"""How fast medx searches, how much each kind of index finds, and what it costs.

    python benchmarks/search.py                                          # everything
    python benchmarks/search.py --parts flat --flat-count 20000          # one part
    python benchmarks/search.py --parts kinds --counts 1000000 --resume  # what is not there yet

- ``flat``: ``GalleryIndex.search`` beside a plain ``faiss.IndexFlatIP`` as FAISS comes, on random
  vectors: both are exact, so only speed is in question. Wanted: at most 1.1 times FAISS's time at
  batch 1, at least 4 times its speed at batch 64.
- ``cold``: the whole command ``medx retrieve text-search`` beside a process that only imports
  torch, open_clip and faiss.
- ``kinds``: build time, peak memory, recall@10, speed, and filtered searches of every kind at
  every count, on clustered vectors made from real embeddings (``search_data.py`` says how; it needs
  MEDX_DATA_DIR). Each step runs in a process of its own. Wanted: recall of ``auto`` at least .95,
  filtered searches exact.

Every figure is written to the results as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from machine import describe_machine
from search_data import HOW, make_index, noise_length, real_embeddings
from search_kinds import SHARES, TOP_K, clock

from medx.core.console import note, print_table
from medx.core.files import write_json
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.config import BuildConfig
from retrieval.encoders.base import Fingerprint, normalize
from retrieval.encoders.compact import CompactEncoder
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.index.kinds import AUTO, KINDS

FAISS_THRESHOLD = 128_000  # what faiss 1.15 sets for itself
PARTS = ("flat", "cold", "kinds")
COUNTS = (10_000, 100_000, 1_000_000)
MOST_RATIO, LEAST_SPEEDUP, LEAST_RECALL = 1.1, 4.0, 0.95
RESULTS = Path(__file__).parent / "results" / "search.json"
KINDS_SCRIPT = Path(__file__).with_name("search_kinds.py")


def main() -> None:
    """Measure the parts that are asked for; write and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--kinds", nargs="+", choices=(AUTO, *KINDS), default=[AUTO, *KINDS])
    parser.add_argument("--flat-count", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=faiss.omp_get_max_threads())
    parser.add_argument("--resume", action="store_true", help="Keep what the results hold.")
    parser.add_argument("--work", type=Path, help="Where vectors are kept. [default: nowhere]")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    result = json.loads(options.output.read_text()) if options.output.is_file() else {}
    result |= {"wanted": wanted(), "top_k": TOP_K}
    if "flat" in options.parts:
        result["flat"] = machine() | compare_flat(options.flat_count, options.dim, options.repeats)
        write_json(options.output, result)
    if "cold" in options.parts:
        result["cold"] = machine() | compare_cold_starts()
        write_json(options.output, result)
    if "kinds" in options.parts:
        with tempfile.TemporaryDirectory(prefix="medx-search-") as folder:
            measure_kinds(options, options.work or Path(folder), result)
    print_result(result)


def wanted() -> dict[str, Any]:
    """Return what the figures are held against."""
    return {
        "batch_1_time_to_faiss_at_most": MOST_RATIO,
        "batch_64_speed_to_faiss_at_least": LEAST_SPEEDUP,
        "recall_of_auto_at_least": LEAST_RECALL,
        "filtered": "exact",
    }


def machine() -> dict[str, Any]:
    """Return what a figure depends on."""
    faiss_here = {"faiss": faiss.__version__, "faiss_threads": faiss.omp_get_max_threads()}
    return {"machine": describe_machine() | faiss_here}


def compare_flat(count: int, dim: int, repeats: int) -> dict[str, Any]:
    """Return the median time of both searches in turn, at batch 1 and 64."""
    rng = np.random.default_rng(0)
    vectors = normalize(rng.normal(size=(count, dim)).astype(np.float32))
    index, plain = make_gallery(vectors), faiss.IndexFlatIP(dim)
    plain.add(vectors)
    ours = faiss.cvar.distance_compute_blas_threshold
    result: dict[str, Any] = {"count": count, "dim": dim, "repeats": repeats}
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
        result[f"batch_{batch}"] = {
            "medx_ms": round(medx_ms, 3),
            "faiss_ms": round(faiss_ms, 3),
            "medx_to_faiss_time": round(medx_ms / faiss_ms, 3),
            "speedup": round(faiss_ms / medx_ms, 2),
            "same_hits": float(same),
        }
    return result


def compare_cold_starts() -> dict[str, Any]:
    """Return the wall time of a whole text search and of the imports the torch way needs."""
    with tempfile.TemporaryDirectory() as folder:
        index_dir = Path(folder, "phantoms")
        dataset = load_dataset("phantom-cxr")
        build_index(dataset, CompactEncoder(), index_dir, BuildConfig(limit=300))
        medx = Path(sys.executable).with_name("medx")
        asked = [medx, "retrieve", "text-search", "consolidation", "--index", index_dir]
        imports = [sys.executable, "-c", "import torch, open_clip, faiss"]
        answer = statistics.median(clock(lambda: run(asked)) for _ in range(5))
        loading = statistics.median(clock(lambda: run(imports)) for _ in range(3))
    return {
        "images": 300,
        "text_search_seconds": round(answer, 2),
        "imports_of_torch_open_clip_faiss_seconds": round(loading, 2),
    }


def measure_kinds(options: argparse.Namespace, work: Path, result: dict[str, Any]) -> None:
    """Build and measure every kind at every count, writing each as soon as it is done."""
    real = real_embeddings(work)
    how = {"vectors": HOW, "real_images": len(real), "noise_length": noise_length(real)}
    kinds = result.setdefault("kinds", {}) | how
    result["kinds"] = kinds
    for count in sorted(options.counts):
        done = kinds.setdefault("measured", {}).setdefault(f"{count}x{options.dim}", {})
        for kind in options.kinds:
            if options.resume and kind in done:
                note(f"{count} {kind}: kept")
                continue
            folder = work / f"clustered-{count}x{options.dim}"
            make_index(folder, real, count, options.dim)
            step("build", folder, "flat")
            facts = machine()
            done[kind] = facts | {
                "build": step("build", folder, kind),
                "search": step("measure", folder),
            }
            write_json(options.output, result)
            note(f"{count} {kind}: done")


def step(name: str, folder: Path, *more: str) -> dict[str, Any]:
    """Run one step in a process of its own and return what it measured."""
    command = [sys.executable, str(KINDS_SCRIPT), name, str(folder), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": str(faiss.omp_get_max_threads())}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def print_result(result: dict[str, Any]) -> None:
    """Print what the results hold."""
    if "flat" in result:
        flat = result["flat"]
        print_table(
            ((name, f[f"{name}_ms"], f["medx_to_faiss_time"], f["speedup"])
             if name == "medx" else (name, f["faiss_ms"], None, None)
             for f in (flat["batch_1"], flat["batch_64"]) for name in ("medx", "faiss")),
            columns=("batch 1, then 64", "ms", "time to faiss", "speed to faiss"),
            title=f"{flat['count']} × {flat['dim']}, random",
        )  # fmt: skip
    if "cold" in result:
        print(
            f"cold text-search {result['cold']['text_search_seconds']} s, imports alone "
            f"{result['cold']['imports_of_torch_open_clip_faiss_seconds']} s"
        )
    for size, kinds in result.get("kinds", {}).get("measured", {}).items():
        print_table(
            (kind_row(asked, figures["build"], figures["search"])
             for asked, figures in kinds.items()),
            columns=("kind", "recall@10", "QPS 1", "QPS 64", "build s", "peak MB", "file MB",
                     *(f"filter {share:.1%}: QPS 1, 64" for share in SHARES)),
            title=f"clustered, {size}; peak MB of the build and of the searches, without files",
        )  # fmt: skip


def kind_row(asked: str, build: dict[str, Any], search: dict[str, Any]) -> tuple[str, ...]:
    """Return one kind as a row of the table."""
    recall = search["recall_at_10"]
    return (
        asked if asked == build["kind"] else f"{asked} = {build['kind']}",
        f"{recall['estimate']:.3f} [{recall['low']:.3f}, {recall['high']:.3f}]",
        f"{search['qps_batch_1']:.0f}",
        f"{search['qps_batch_64']:.0f}",
        f"{build['seconds']:.1f}",
        f"{build['peak_without_files_mb'] or 0:.0f}, {search['peak_without_files_mb'] or 0:.0f}",
        f"{build['accelerator_mb']:.0f}",
        *(
            f"{f['qps_batch_1']:.0f}, {f['qps_batch_64']:.0f}" + ("" if f["exact"] else " INEXACT")
            for f in search["filtered"].values()
        ),
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


def run(command: list[str | Path]) -> None:
    """Run a command and discard what it says."""
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
