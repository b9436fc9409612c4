"""How fast ``medx serve`` answers 1, 8 and 32 clients, beside serving without batches and plainly.

    python benchmarks/serving.py --dataset pneumoniamnist --run RUN_DIR     # everything
    python benchmarks/serving.py ... --requests 50 --items 2000             # a quick try

Three servers run at the same time and are asked one after another: ``medx`` as it comes,
``unbatched`` with ``--batch-size 1``, and ``plain``, a FastAPI handler that has the same classifier
loaded and asks it image by image. Clients speak HTTP over kept connections, each sending its next
request when it has its answer; they share the machine with the servers.

``/search`` runs over a generated index of ``--items`` vectors: the dataset's own embeddings, drawn
at random, with noise. What the encoder alone takes for the same query is measured beside it.

Wanted: warm ``/predict`` p50 at most 30 ms for a 28² PNG and 120 ms for a 1024² DICOM; 8 clients
answered at 3 times the rate of one client of the unbatched server, or the reason why not; search
p50 at most 15 ms more than its encoder.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from http_client import Request, load, upload, wait_until_ready
from machine import describe_machine
from PIL import Image as PILImage
from reading import write_dicom
from search_data import clustered

from classify.runs import find_train_run
from medx.core.console import note, stderr
from medx.core.files import write_json
from medx.core.images import read_image
from medx.datasets.catalog import load_dataset
from retrieval.encoders.compact import CompactEncoder
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items

CLIENTS = (1, 8, 32)
RESULTS = Path(__file__).parent / "results" / "serving.json"
WANTED = {"png_p50_ms": 30, "dicom_p50_ms": 120, "search_p50_ms_beside_encoder": 15, "speedup": 3}
WORDS = ("pneumonia", "consolidation", "normal chest", "opacity in the lower lobe")


def main() -> None:
    """Measure every route on every server, print the figures and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="pneumoniamnist")
    parser.add_argument("--run", help="Train run. [default: the latest of the dataset]")
    parser.add_argument("--requests", type=int, default=1000, help="of each kind and number")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--plain", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.run = str(find_train_run(options.dataset, options.run))
    if options.plain:
        serve_plainly(options.run, options.plain)
        return
    with tempfile.TemporaryDirectory(prefix="medx-serving-") as folder:
        report = {
            "wanted": WANTED,
            "machine": describe_machine(),
            "requests": options.requests,
            "items": options.items,
            **measure(options, Path(folder)),
        }
    write_json(options.output, report)
    note(f"written to {options.output}")


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Start the servers, ask each of them, and hold the figures against what is wanted."""
    encoder = make_index(options, folder / "index")
    payloads = requests_of(folder)
    command = [sys.executable, "-c", "from medx.cli import main; main()", "serve"]
    command += ["--dataset", options.dataset, "--run", options.run, "--engine", "mock"]
    command += ["--index", str(folder / "index"), "--offline"]
    plain = [sys.executable, __file__, "--dataset", options.dataset, "--run", options.run]
    ports = {"medx": free_port(), "unbatched": free_port(), "plain": free_port()}
    with (
        running([*command, "--port", str(ports["medx"])], ports["medx"]),
        running(
            [*command, "--port", str(ports["unbatched"]), "--batch-size", "1"], ports["unbatched"]
        ),
        running([*plain, "--plain", str(ports["plain"])], ports["plain"]),
    ):
        rows = []
        for kind, requests in payloads.items():
            for name, port in ports.items():
                if name == "plain" and kind.startswith("/search"):
                    continue
                for clients in options.clients:
                    rows.append(ask(kind, name, port, requests, clients, options.requests))
    return {
        "rows": rows,
        "encoder_ms": encoder,
        "model_ms_an_image": time_model(options.run),
        "verdicts": judge(rows, encoder),
    }


def ask(
    kind: str, server: str, port: int, requests: list[Request], clients: int, count: int
) -> dict[str, Any]:
    """Return the figures of one kind of request to one server."""
    asyncio.run(load(port, requests, clients=clients, count=2 * clients))
    seconds, took = asyncio.run(load(port, requests, clients=clients, count=count))
    p50, p95, p99 = (1000 * np.percentile(seconds, [50, 95, 99])).tolist()
    row = {
        "request": kind, "server": server, "clients": clients, "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2), "p99_ms": round(p99, 2), "per_s": round(len(seconds) / took, 1),
    }  # fmt: skip
    note(" ".join(f"{name}={value}" for name, value in row.items()))
    return row


def time_model(run: str) -> dict[int, float]:
    """Return what the classifier alone takes an image, by batch: what no server can undercut."""
    from classify.predict import load_classifier

    classifier, rng, found = load_classifier(Path(run)), np.random.default_rng(0), {}
    for size in (1, 8, 32):
        images = list(rng.integers(0, 256, (size, 28, 28), dtype=np.uint8))
        names = ["x"] * size
        taken = clock(lambda images=images, names=names: classifier.predict(names, images), 8)
        found[size] = round(taken / size, 2)
    note(f"the classifier alone, ms an image by batch: {found}")
    return found


def judge(rows: list[dict[str, Any]], encoder: dict[str, float]) -> dict[str, Any]:
    """Return each wanted figure beside the one that was measured."""
    found = {(row["request"], row["server"], row["clients"]): row for row in rows}
    verdicts: dict[str, Any] = {}
    for kind in ("/predict PNG 28²", "/predict DICOM 1024²"):
        if (kind, "medx", 1) in found:
            verdicts[f"{kind} p50_ms"] = found[kind, "medx", 1]["p50_ms"]
        if (kind, "medx", 8) in found and (kind, "unbatched", 1) in found:
            rate, single = found[kind, "medx", 8]["per_s"], found[kind, "unbatched", 1]["per_s"]
            verdicts[f"{kind} speed-up of 8 clients over 1 unbatched"] = round(rate / single, 2)
            plain = found[kind, "plain", 8]["per_s"]
            verdicts[f"{kind} speed-up of 8 clients over plain"] = round(rate / plain, 2)
    for kind, alone in encoder.items():
        if (kind, "medx", 1) in found:
            beside = found[kind, "medx", 1]["p50_ms"] - alone
            verdicts[f"{kind} p50_ms beside the encoder"] = round(beside, 2)
    return verdicts


def requests_of(folder: Path) -> dict[str, list[Request]]:
    """Return requests of each kind, some of each, so that no answer can be remembered."""
    rng = np.random.default_rng(0)
    smalls = [png(rng.integers(0, 256, (28, 28), dtype=np.uint8)) for _ in range(16)]
    large = write_dicom(str(folder)).read_bytes()
    texts = [
        Request("/search/text", json.dumps({"text": words}).encode(), "application/json")
        for words in WORDS
    ]
    return {
        "/predict PNG 28²": [upload("/predict", content) for content in smalls],
        "/predict DICOM 1024²": [upload("/predict", large)],
        "/search/text": texts,
        "/search/image": [upload("/search/image", content) for content in smalls],
    }


def make_index(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Write the generated index; return the milliseconds that its encoder takes for a query."""
    dataset, encoder = load_dataset(options.dataset), CompactEncoder()
    some = dataset.records[:1000]
    pixels = [dataset.read(record).pixels for record in some]
    real = encoder.embed_images(pixels)
    vectors = np.concatenate(list(clustered(real, options.items, encoder.dim, seed=2)))
    items = Items.from_items(
        [
            Item(
                id=f"g{i}", content_hash=str(i), path="", split="train",
                label=dataset.classes[i % len(dataset.classes)],
            )
            for i in range(len(vectors))
        ]
    )  # fmt: skip
    description = IndexDescription(
        name="generated", encoder=encoder.fingerprint, count=len(vectors), dataset=dataset.name,
        dataset_source=dataset.location, modality=dataset.modality, synthetic=True,
    )  # fmt: skip
    GalleryIndex.from_embeddings(vectors, items, description).save(folder)
    small = read_image(io_file(folder, png(pixels[0])))
    return {
        "/search/text": clock(lambda: encoder.embed_texts(WORDS[:1])),
        "/search/image": clock(lambda: encoder.embed_images([small.pixels])),
    }


def serve_plainly(run: str, port: int) -> None:
    """Serve the classifier as one would at first: one image at a time."""
    import uvicorn
    from fastapi import FastAPI, File, UploadFile

    from classify.predict import load_classifier
    from medx.core.values import Prediction

    app, lock = FastAPI(), threading.Lock()
    classifier = load_classifier(Path(run))
    classifier.predict(["x"], [np.zeros((28, 28), np.uint8)])

    def predict(file: UploadFile = File()) -> Prediction:  # noqa: B008
        with tempfile.NamedTemporaryFile() as temporary:
            temporary.write(file.file.read())
            temporary.flush()
            pixels = read_image(temporary.name).pixels
        with lock:
            return classifier.predict(["x"], [pixels])[0]

    predict.__annotations__ = {"file": UploadFile, "return": Prediction}
    app.post("/predict")(predict)
    app.get("/ready")(lambda: {"ready": True})
    uvicorn.run(app, port=port, log_config=None, access_log=False)


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a server for a while; it has loaded its models when the block begins."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, process)
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port nobody listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def clock(work: Any, repeats: int = 30) -> float:
    """Return the median milliseconds that ``work`` takes."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return round(1000 * statistics.median(taken), 3)


def png(pixels: np.ndarray) -> bytes:
    """Return pixels as PNG."""
    stream = io.BytesIO()
    PILImage.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def io_file(folder: Path, content: bytes) -> Path:
    """Write a file beside a folder; return where."""
    path = folder.with_name("small.png")
    path.write_bytes(content)
    return path


if __name__ == "__main__":
    stderr.soft_wrap = True
    main()
