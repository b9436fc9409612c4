r"""What a vector costs in memory and on disk, and how fast a Milvus answers: figures to size by.

    python benchmarks/milvus.py                                    # milvus-lite, 2 000 vectors
    python benchmarks/milvus.py --uri http://127.0.0.1:19530 --count 100000 \
        --pid PID --data-dir /var/lib/milvus --kind flat --kind hnsw

``--pid`` and ``--data-dir`` are of a server on this machine: without them its memory and disk are
not known. While a gallery is written the server's memory holds buffers, too: for what a gallery
takes when it only answers, write it with ``--keep``, start the server again, and run with
``--loaded``, which prints the memory of the process; an empty server gives what to subtract.

Vectors lie in clusters, as embeddings of images do: random centres plus noise. The same vectors are
also built as each kind of index folder, whose files and memory are printed beside.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from machine import describe_machine

from retrieval.encoders.base import Embeddings, Fingerprint, normalize
from retrieval.index.accelerator_build import build_accelerator
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.index.kinds import KINDS, memory_needed
from retrieval.index.vectors import FlatVectors
from retrieval.milvus.catalog import alias_of, catalog_at
from retrieval.milvus.connection import CONSISTENCY_VARIABLE, is_lite
from retrieval.milvus.kinds import LITE_KINDS
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.store import write_gallery
from retrieval.place import load_index

TOP_K = 10
BATCH = 4096


def main() -> None:
    """Measure and print a line of JSON for each kind, in folders and in Milvus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uri")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--pid", type=int, help="Process of the server, for its memory.")
    parser.add_argument("--data-dir", type=Path, help="Folder of the server, for its disk.")
    parser.add_argument("--keep", action="store_true", help="Leave the galleries there.")
    parser.add_argument("--loaded", action="store_true", help="Only print the server's memory.")
    options = parser.parse_args()
    if options.loaded:
        catalog = catalog_at(options.uri)
        held = [catalog.find(name)[1].description for name in catalog.names()]
        vectors = {f"{about.name} {about.kind}": about.count for about in held}
        memory = resident_bytes(options.pid)
        print(json.dumps({"server_memory_bytes": memory, "vectors": vectors}))
        return
    with tempfile.TemporaryDirectory() as folder:
        uri = options.uri or str(Path(folder) / "bench.db")
        vectors = clustered(options.count, options.dim)
        index = make_index(vectors)
        for kind in options.kind or (LITE_KINDS if is_lite(uri) else KINDS):
            print(json.dumps(measure_folder(vectors, kind, Path(folder))))
            print(json.dumps(measure_milvus(index, kind, uri, options)), flush=True)


def clustered(count: int, dim: int, seed: int = 0) -> Embeddings:
    """Return unit vectors around centres, a hundred to each."""
    rng = np.random.default_rng(seed)
    centres = normalize(rng.normal(size=(max(1, count // 100), dim)).astype(np.float32))
    noise = normalize(rng.normal(size=(count, dim)).astype(np.float32))
    return normalize(centres[rng.integers(len(centres), size=count)] + 0.8 * noise)


def make_index(vectors: Embeddings) -> GalleryIndex:
    """Return the vectors as an index whose items have about the length of real ones."""
    count = len(vectors)
    items = Items.from_items(
        [
            Item(
                id=f"archive-{n:09}", content_hash=f"{n:064x}", path=f"images/{n:09}.png",
                label="pneumonia" if n % 3 else "normal", split=("train", "val", "test")[n % 3],
                group=f"patient-{n // 3:09}", text="Patchy opacity in the right lower zone.",
            )
            for n in range(count)
        ]
    )  # fmt: skip
    made_by = Fingerprint(
        name="benchmark", weights_sha256="0" * 64, preprocessing="", dim=vectors.shape[1]
    )
    about = IndexDescription(
        name="benchmark", encoder=made_by, count=count, dataset="clusters",
        dataset_source="clusters", splits=items.splits, synthetic=True,
    )  # fmt: skip
    return GalleryIndex.from_embeddings(vectors, items, about)


def measure_folder(vectors: Embeddings, kind: str, folder: Path) -> dict[str, object]:
    """Return the bytes of a vector in an index folder of a kind, file by file."""
    flat = FlatVectors.from_embeddings(vectors)
    started = time.perf_counter()
    accelerator = build_accelerator(kind, flat)
    seconds = time.perf_counter() - started
    beside = 0
    if accelerator:
        accelerator.save(folder / "accelerator")
        beside = (folder / "accelerator").stat().st_size
    count, dim = vectors.shape
    return {
        "engine": "faiss", "kind": kind, "count": count, "dim": dim,
        "vector_bytes": 4 * dim, "accelerator_bytes": round(beside / count, 1),
        "planned_memory_bytes": round(memory_needed(kind, count, dim) / count, 1),
        "build_seconds": round(seconds, 2),
        "recall": str(accelerator.tuned.recall) if accelerator else "exact",
    }  # fmt: skip


def measure_milvus(
    index: GalleryIndex, kind: str, uri: str, options: argparse.Namespace
) -> dict[str, object]:
    """Return what a gallery of a kind costs and how fast it answers."""
    place = MilvusPlace(uri, f"benchmark {uuid.uuid4().hex[:8]}")
    data_dir = Path(uri) if is_lite(uri) else options.data_dir
    memory, disk, machine = resident_bytes(options.pid), stored_bytes(data_dir), describe_machine()
    started = time.perf_counter()
    write_gallery(place, batches(index), index.description, kind=kind)
    seconds = time.perf_counter() - started
    gallery, count = load_index(place), len(index)
    found: dict[str, object] = {
        "engine": "milvus-lite" if is_lite(uri) else f"milvus {version(uri)}", "kind": kind,
        "count": count, "dim": index.dim, "write_and_build_seconds": round(seconds, 2),
        "machine": machine,
        "recall": str(gallery.description.tuning.recall) if gallery.description.tuning else "exact",
    }  # fmt: skip
    for level in ("Strong", "Bounded"):
        os.environ[CONSISTENCY_VARIABLE] = level
        for batch in (1, 64):
            asked = clustered(batch, index.dim, seed=batch)
            each = clock(lambda asked=asked: gallery.search(asked, TOP_K), options.repeats)
            found[f"queries_per_second_{level.lower()}_{batch}"] = round(batch / each, 1)
    del os.environ[CONSISTENCY_VARIABLE]
    if memory is not None:
        found["memory_bytes_while_writing"] = round(
            (resident_bytes(options.pid) - memory) / count, 1
        )
    if disk is not None:
        found["disk_bytes"] = round((stored_bytes(data_dir) - disk) / count, 1)
    if options.keep:
        return found
    catalog = catalog_at(uri)
    collection = catalog.collection_of(alias_of(place.name))
    catalog.client.drop_alias(alias_of(place.name))
    catalog.client.drop_collection(collection)
    return found


def batches(index: GalleryIndex) -> Iterator[tuple[Items, Embeddings]]:
    """Yield an index as shards of embeddings would come."""
    for start in range(0, len(index), BATCH):
        rows = np.arange(start, min(start + BATCH, len(index)))
        yield index.items.take(rows), index.embeddings(rows)


def clock(search: Callable[[], object], repeats: int) -> float:
    """Return the median seconds of a search."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        search()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def resident_bytes(pid: int | None) -> int | None:
    """Return the memory of a process and its children."""
    if pid is None:
        return None
    total = 0
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
        except OSError:
            continue
        if pid in (int(lines["Pid"]), int(lines["PPid"])):
            total += 1024 * int(lines.get("VmRSS", "0 kB").split()[0])
    return total


def stored_bytes(folder: Path | None) -> int | None:
    """Return the size of all files below a folder."""
    if folder is None:
        return None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def version(uri: str) -> str:
    """Return what a server calls itself."""
    return str(catalog_at(uri).client.get_server_version())


if __name__ == "__main__":
    main()
