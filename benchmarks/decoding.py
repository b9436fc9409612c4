"""Whether images are decoded as fast as they are embedded: both stages alone, then together.

    python benchmarks/decoding.py                          # `compact` on generated files
    python benchmarks/decoding.py --random-biomedclip true --count 32    # of its true size
    python benchmarks/decoding.py --encoder biomedclip --weights DIR
    python benchmarks/decoding.py --workers 1 2 4 8 16     # on a machine with so many cores

The first figures are of workers alone, which read, hash and shrink, by their number; the next of
the encoder alone, on images that wait in memory; the last of ``embed_dataset``, with the share of
its time in which the encoder had to wait for an image. Every file is generated, and every record
gets a pixel of its own, so that none is taken for another.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe_machine
from PIL import Image as PILImage
from pydicom.uid import JPEG2000Lossless
from reading import write_dicom, write_jpeg

from medx.core.console import stderr
from medx.core.device import Device
from medx.core.files import write_json
from medx.core.images import Image, read_image
from medx.core.threads import choose_threads
from medx.datasets.manifest import Dataset, Record
from retrieval.config import EmbedConfig
from retrieval.embedding.embed import embed_dataset
from retrieval.embedding.reading import read_images
from retrieval.embedding.store import EmbeddingStore
from retrieval.encoders.base import Encoder
from retrieval.encoders.load import load_encoder

RESULTS = Path(__file__).parent / "results" / "decoding.json"


def main() -> None:
    """Measure every kind of file, print the rates and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="compact")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--random-biomedclip", choices=["tiny", "small", "true"])
    parser.add_argument("--device", default="auto", choices=[device.value for device in Device])
    parser.add_argument("--count", type=int, default=128, help="images of each kind")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, choose_threads()])
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    stderr.quiet = True
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        encoder = choose_encoder(options, Path(folder))
        fingerprint = str(encoder.fingerprint)
        rows = [
            measure(name, path, encoder, Path(folder), options)
            for name, path in write_files(folder).items()
        ]
    report = {
        "encoder": fingerprint,
        "device": options.device,
        "count": options.count,
        "batch_size": options.batch_size,
        "machine": machine,
        "rows": rows,
    }
    write_json(options.output, report)
    print(f"written to {options.output}")


def choose_encoder(options: argparse.Namespace, folder: Path) -> Encoder:
    """Return the encoder asked for, or a BiomedCLIP with random weights."""
    name, weights = options.encoder, options.weights
    if options.random_biomedclip:
        from random_biomedclip import write_biomedclip

        name = "biomedclip"
        weights = write_biomedclip(folder / name, options.random_biomedclip)
    return load_encoder(name, weights=weights, device=options.device)


def write_files(folder: str) -> dict[str, Path]:
    """Write one file of each kind; return where."""
    small, large = Path(folder, "28.png"), Path(folder, "1024.png")
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024), dtype=np.uint8)
    PILImage.fromarray(noise[:28, :28]).save(small)
    PILImage.fromarray(noise // 2 + 60).save(large)
    return {
        "PNG 28²": small,
        "PNG 1024²": large,
        "JPEG 2000², colour": write_jpeg(folder),
        "DICOM 1024², uncompressed": write_dicom(folder),
        "DICOM 1024², JPEG 2000": write_dicom(folder, JPEG2000Lossless),
    }


def measure(
    name: str, path: Path, encoder: Encoder, folder: Path, options: argparse.Namespace
) -> dict[str, object]:
    """Return and print images a second of each stage and of both."""
    dataset = one_file(path, options.count)
    decoding = {
        workers: decode_rate(dataset, encoder, folder / f"{path.stem}-none", workers)
        for workers in dict.fromkeys(options.workers)
    }
    embedding = embed_rate(dataset, encoder, options.batch_size)
    config = EmbedConfig(batch_size=options.batch_size, workers=max(options.workers))
    together = embed_dataset(dataset, encoder, folder / f"{path.stem}-shards", config)
    waiting = together.seconds_waiting / together.seconds
    alone = ", ".join(f"{rate:.0f} by {workers}" for workers, rate in decoding.items())
    print(
        f"{name}: decoded {alone} images/s; embedded {embedding:.0f}; "
        f"together {together.images_per_second:.0f}, {waiting:.0%} of the time waiting for images"
    )
    return {
        "file": name,
        "decoded_per_s_by_workers": {k: round(v, 1) for k, v in decoding.items()},
        "embedded_per_s": round(embedding, 1),
        "together_per_s": round(together.images_per_second, 1),
        "waiting": round(waiting, 4),
    }


def one_file(path: Path, count: int) -> Dataset:
    """Return a dataset that reads the same file for each record and then changes one pixel."""

    def read(record: Record) -> Image:
        image = read_image(path)
        pixels = image.pixels.copy()
        pixels.reshape(-1)[:4] = np.frombuffer(int(record.id).to_bytes(4, "little"), np.uint8)
        return replace(image, pixels=pixels)

    return Dataset(
        name=path.stem,
        records=tuple(Record(id=str(n), path=path.name) for n in range(count)),
        classes=(),
        location=str(path),
        reader=read,
        synthetic=True,
    )


def decode_rate(dataset: Dataset, encoder: Encoder, folder: Path, workers: int) -> float:
    """Return how many images a second workers read, hash and shrink."""
    store = EmbeddingStore(folder, encoder.fingerprint)
    positions = range(len(dataset))
    started = time.perf_counter()
    with closing(read_images(dataset, positions, store, encoder.shrink, threads=workers)) as images:
        found = sum(image.pixels is not None for image in images)
    return found / (time.perf_counter() - started)


def embed_rate(dataset: Dataset, encoder: Encoder, batch_size: int) -> float:
    """Return how many images a second an encoder embeds that are decoded already."""
    some: Sequence[Record] = dataset.records[: 2 * batch_size]
    images = [encoder.shrink(dataset.read(record).pixels) for record in some]
    encoder.embed_images(images[:batch_size], batch_size=batch_size)
    started = time.perf_counter()
    encoder.embed_images(images, batch_size=batch_size)
    return len(images) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
