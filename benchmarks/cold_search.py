"""Whole processes that answer one text query: the plain way and medx's, with time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from medx.core.console import note
from retrieval.encoders.base import Embeddings, Encoder, normalize
from retrieval.encoders.load import load_encoder
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items

QUERY = "consolidation of the left lower lobe"

#: What a script would do: model, tokenizer, one text, one search.
PLAIN_SEARCH = """
import sys
import faiss, open_clip, torch
folder, index, text = sys.argv[1:]
model, _ = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
model.eval()
with torch.no_grad():
    query = model.encode_text(tokenizer([text]), normalize=True)
print(faiss.read_index(index).search(query.numpy(), 10)[1])
"""

#: Small, because a child's peak memory starts at that of the process it was forked from.
TIMER = """
import json, os, subprocess, sys, time
taken = []
for number in range(int(sys.argv[1]) + 1):
    started = time.perf_counter()
    child = subprocess.Popen(json.loads(sys.argv[2]), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit(1)
    taken.append((time.perf_counter() - started, usage.ru_maxrss / 1e3))
print(json.dumps(taken[1:]))
"""


def time_cold(
    weights: Path, fp32: Encoder, int8: Encoder, scratch: Path, *, count: int, repeats: int
) -> list[dict[str, Any]]:
    """Return seconds and peak memory of whole processes that search random vectors.

    Args:
        weights: A BiomedCLIP's folder.
        fp32: Its export, already in the cache.
        int8: Its export, already in the cache.
        scratch: Gets the indexes, in ``indexes``.
        count: Vectors of each index.
        repeats: Of each process, besides a first that is not counted; 0 measures nothing.
    """
    if not repeats:
        return []
    made_by = {"compact": load_encoder("compact"), "fp32": fp32, "int8": int8}
    for name, encoder in made_by.items():
        write_gallery(encoder, count, scratch / "indexes" / name)
    flat = faiss.IndexFlatIP(fp32.dim)
    flat.add(random_vectors(count, fp32.dim))
    plain_index = scratch / "plain.faiss"
    faiss.write_index(flat, str(plain_index))
    medx = Path(sys.executable).with_name("medx")
    asked = [medx, "retrieve", "text-search", QUERY, "--index"]
    own = ["--weights", weights]
    commands = {
        "plain torch, open_clip, faiss": [
            sys.executable, "-c", PLAIN_SEARCH, weights, plain_index, QUERY,
        ],
        "medx compact": [*asked, "compact"],
        "medx biomedclip torch": [*asked, "fp32", *own, "--runtime", "torch"],
        "medx biomedclip exported fp32": [*asked, "fp32", *own],
        "medx biomedclip exported int8": [*asked, "int8", *own],
    }  # fmt: skip
    return [
        {"variant": name, "gallery": count, **time_process(name, command, repeats)}
        for name, command in commands.items()
    ]


def time_process(name: str, command: Sequence[object], repeats: int) -> dict[str, float]:
    """Return median and best seconds of a command from start to end, and its peak memory."""
    note(f"cold: {name}")
    words = json.dumps([str(part) for part in command])
    done = subprocess.run(
        [sys.executable, "-c", TIMER, str(repeats), words], stdout=subprocess.PIPE, check=True
    )
    seconds, peaks = zip(*json.loads(done.stdout), strict=True)
    return {
        "seconds": float(np.median(seconds)),
        "best_seconds": min(seconds),
        "peak_megabytes": max(peaks),
    }


def write_gallery(encoder: Encoder, count: int, folder: Path) -> None:
    """Write an index of random vectors that says it was made by ``encoder``."""
    items = Items.from_items(
        [Item(id=f"image-{i}", content_hash=str(i), path=f"{i}.png") for i in range(count)]
    )
    description = IndexDescription(
        name=folder.name, encoder=encoder.fingerprint, count=count, dataset="random",
        dataset_source="random", synthetic=True,
    )  # fmt: skip
    vectors = random_vectors(count, encoder.dim)
    GalleryIndex.from_embeddings(vectors, items, description).save(folder)


def random_vectors(count: int, dim: int) -> Embeddings:
    """Return unit vectors ``(count, dim)``, the same each time."""
    return normalize(np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32))
