"""Kill -9 a process that embeds, at random moments, and look at what is left.

After each kill the shards must open, all of them whole, with nothing lost but what one shard holds;
then the same work, started again, must embed exactly what is missing, to the very bytes of a run
that was never killed. A process that ended before it was killed does not count.

    python benchmarks/crash_embedding.py --kills 200

Images are made up, and so is the encoder: each of its embeddings depends on all images of a batch,
so that it shows when what is embedded again is put into other batches. It needs ``os.fork``.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np

from medx.core.console import print_line, stderr
from medx.core.images import Pixels, image_from_array
from medx.datasets.manifest import Dataset, Record
from retrieval.config import EmbedConfig
from retrieval.embedding.embed import embed_dataset
from retrieval.embedding.store import EmbeddingStore
from retrieval.encoders.base import Encoder, Fingerprint

IMAGES = 150
#: The last of three batches of a shard is not full.
CONFIG = EmbedConfig(batch_size=8, shard_size=20, workers=2)


class BatchEncoder(Encoder):
    """Pixels times a fixed matrix, and a little of the mean of the batch; it counts images.

    Args:
        seen: Memory that processes share: how many images were embedded.
        seconds: What a batch takes.
    """

    name = "batch"
    dim = 32

    def __init__(self, seen: mmap.mmap, seconds: float) -> None:
        self._matrix = np.random.default_rng(0).normal(size=(64, self.dim)).astype(np.float32)
        self._seen = seen
        self._seconds = seconds

    @property
    def fingerprint(self) -> Fingerprint:
        """Always the same."""
        return Fingerprint(name=self.name, weights_sha256="0" * 64, preprocessing="", dim=self.dim)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> np.ndarray:
        time.sleep(self._seconds)
        rows = np.stack([image.ravel() for image in images]).astype(np.float32) @ self._matrix
        self._seen[:4] = (self.seen() + len(images)).to_bytes(4, "little")
        return rows + 0.1 * rows.mean(axis=0)

    def seen(self) -> int:
        """Return how many images were embedded, by this process or another."""
        return int.from_bytes(self._seen[:4], "little")

    def forget(self) -> None:
        """Count from 0 again."""
        self._seen[:4] = bytes(4)


def made_up_dataset() -> Dataset:
    """Pictures of noise, two of them twice and one that cannot be read."""
    pictures = np.random.default_rng(1).integers(0, 256, (IMAGES, 8, 8), dtype=np.uint8)
    pictures[40], pictures[100] = pictures[3], pictures[70]
    return Dataset(
        name="made-up",
        records=tuple(Record(id=str(n), path=str(n)) for n in range(IMAGES)),
        classes=(),
        location="memory",
        reader=lambda record: image_from_array(
            pictures[int(record.id)] if record.id != "77" else np.empty((0, 0), np.uint8)
        ),
        synthetic=True,
    )


def main() -> None:
    """Kill, look, and print what was found; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stderr.quiet = True
    rng = random.Random(options.seed)
    lost, failures = [], []
    with tempfile.TemporaryDirectory() as folder:
        encoder = BatchEncoder(mmap.mmap(-1, 4), seconds=0.004)
        whole, took = embed_undisturbed(Path(folder, "whole"), encoder)
        for attempt in count():
            if len(lost) + len(failures) == options.kills:
                break
            place = Path(folder, f"attempt-{attempt}")
            if not kill(place, encoder, rng.uniform(0, 1.05) * took):
                continue
            try:
                lost.append(look(place, encoder, whole))
            except (ValueError, KeyError) as error:
                failures.append(f"{place.name}: {error}")
    if options.json:
        print(json.dumps({"kills": len(lost), "lost": lost, "failures": failures}))
    else:
        print_line(
            f"{options.kills} kills: at most {max(lost, default=0)} of {IMAGES} embeddings lost, "
            f"shards of {CONFIG.shard_size}; {len(failures)} failures"
        )
    sys.exit("\n".join(failures[:5]) if failures else 0)


def embed_undisturbed(folder: Path, encoder: BatchEncoder) -> tuple[dict[str, bytes], float]:
    """Return the bytes of every embedding by id, and the seconds that took."""
    started = time.perf_counter()
    result = embed_dataset(made_up_dataset(), encoder, folder, CONFIG)
    seconds = time.perf_counter() - started
    vectors = {}
    for part in result.images.parts():
        vectors |= {
            record.id: vector.tobytes()
            for record, vector in zip(part.records, part.embeddings, strict=True)
        }
    return vectors, seconds


def kill(folder: Path, encoder: BatchEncoder, delay: float) -> bool:
    """Embed in a child and kill that after some seconds; False when it had ended before."""
    encoder.forget()
    child = os.fork()
    if not child:
        try:
            embed_dataset(made_up_dataset(), encoder, folder, CONFIG)
        finally:
            os._exit(0)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def look(folder: Path, encoder: BatchEncoder, whole: dict[str, bytes]) -> int:
    """Return how many embeddings a kill lost; ``ValueError`` when it did more harm than it may."""
    files = sorted(folder.glob("[!.]*.safetensors"))
    kept = len(EmbeddingStore(folder, encoder.fingerprint))
    if sorted(folder.glob("[!.]*.safetensors")) != files:
        raise ValueError("a damaged shard was left")
    lost = encoder.seen() - kept
    if not 0 <= lost <= CONFIG.shard_size:
        raise ValueError(f"{lost} embeddings were lost, a shard holds {CONFIG.shard_size}")
    encoder.forget()
    vectors, _ = embed_undisturbed(folder, encoder)
    if encoder.seen() != len(set(whole.values())) - kept:
        raise ValueError(f"{encoder.seen()} were embedded again, {kept} were there")
    if vectors != whole:
        raise ValueError("the embeddings are not those of a run that was not killed")
    return lost


if __name__ == "__main__":
    main()
