"""How fast BiomedCLIP embeds at every runtime and precision, beside the plain open_clip loop.

    python benchmarks/embedding.py                              # true size, some ten minutes
    python benchmarks/embedding.py --size small --images 32     # a quick look
    OMP_NUM_THREADS=1 python benchmarks/embedding.py            # on one thread

Weights are random: speed, start and memory are those of the real model, and cosines say only how
far arithmetic differs. Images are synthetic radiographs in PNG files. The plain loop is what a
script would do: open each file, open_clip's transform, batches of 32, texts padded to the context.
All variants embed the same images in turn, round by round; a figure is the median of its rounds.
Cold searches are whole processes from start to answer on an index of random vectors, each after one
that is not counted; the plain one loads open_clip, reads a FAISS file and searches it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from cold_search import time_cold
from machine import describe_machine
from PIL import Image as PILImage
from random_biomedclip import SIZES, write_biomedclip

from medx.core.console import note, print_table
from medx.core.files import write_json
from medx.core.images import read_image
from medx.core.runs import now, package_versions
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import generate_phantoms
from retrieval.encoders.base import Encoder
from retrieval.encoders.load import load_encoder
from retrieval.encoders.runtimes.fidelity import (
    Embedded,
    Sample,
    embed_sample,
    measure_fidelity,
)

RESULTS = Path(__file__).parent / "results" / "embedding.json"
PACKAGES = (
    "medx", "torch", "open_clip_torch", "transformers", "onnxruntime", "openvino", "faiss-cpu",
)  # fmt: skip
VARIANTS = (
    ("torch", "fp32"), ("torch", "bf16"), ("onnx", "fp32"), ("onnx", "int8"),
    ("openvino", "fp32"), ("openvino", "bf16"),
)  # fmt: skip
BATCH = 32


def main() -> None:
    """Measure, print the tables and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="true", help="of the model")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--image-size", type=int, default=512, help="sides of the PNG files")
    parser.add_argument("--texts", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gallery", type=int, default=5000, help="vectors of the cold search")
    parser.add_argument("--cold", type=int, default=5, help="cold searches of each kind; 0: none")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    # Offline before any child starts: a hub that is asked first would be what is timed.
    os.environ["MEDX_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["MEDX_CACHE_DIR"] = f"{scratch}/cache"
        os.environ["MEDX_INDEX_DIR"] = f"{scratch}/indexes"
        result = measure(options, Path(scratch))
    write_json(options.results, result)
    show(result)


def measure(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return everything that the results file holds."""
    machine = describe_machine() | {"threads": torch.get_num_threads()}
    weights = write_biomedclip(scratch / "biomedclip", options.size)
    paths, sample = write_images(scratch / "images", options)
    encoders, loading = load_all(weights)
    plain = load_plain(weights)
    return {
        "command": " ".join(["python benchmarks/embedding.py", *sys.argv[1:]]),
        "measured": now(),
        "machine": machine,
        "packages": package_versions(PACKAGES),
        "model": {"size": options.size, "weights": "random",
                  "parameters": sum(p.numel() for p in plain[0].parameters())},
        "images": {"count": len(paths), "side": options.image_size, "kind": "synthetic, PNG"},
        "first_load_seconds": loading,
        "export_megabytes": export_sizes(),
        "image_embedding": time_images(paths, encoders, plain, options.rounds),
        "text_embedding": time_texts(sample.texts, encoders, plain, options.rounds),
        "fidelity": compare(encoders, sample),
        "cold_text_search": time_cold(
            weights, encoders["onnx fp32"], encoders["onnx int8"], scratch,
            count=options.gallery, repeats=options.cold,
        ),
    }  # fmt: skip


def write_images(folder: Path, options: argparse.Namespace) -> tuple[list[Path], Sample]:
    """Write synthetic radiographs as PNG files; return them with their pixels and captions."""
    folder.mkdir()
    config = PhantomConfig(count=options.images, size=options.image_size, seed=7)
    drawn = list(generate_phantoms(config, workers=1))
    paths = [folder / f"{phantom.id}.png" for phantom in drawn]
    for path, phantom in zip(paths, drawn, strict=True):
        PILImage.fromarray(phantom.image).save(path)
    texts = list(dict.fromkeys(phantom.caption for phantom in drawn))[: options.texts]
    return paths, Sample("phantoms", True, [phantom.image for phantom in drawn], texts)


def load_all(weights: Path) -> tuple[dict[str, Encoder], dict[str, float]]:
    """Return the encoder at each runtime and precision, and how long its first load took."""
    encoders, seconds = {}, {}
    for runtime, precision in VARIANTS:
        name = f"{runtime} {precision}"
        started = time.perf_counter()
        encoders[name] = load_encoder(
            "biomedclip", weights=weights, device="cpu", runtime=runtime, precision=precision
        )
        seconds[name] = time.perf_counter() - started
    return encoders, seconds


def load_plain(folder: Path) -> tuple[Any, Any, Any]:
    """Return model, transform and tokenizer as open_clip's documentation loads them."""
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    return model.eval(), transform, open_clip.get_tokenizer(f"local-dir:{folder}")


def time_images(
    paths: Sequence[Path], encoders: dict[str, Encoder], plain: tuple[Any, Any, Any], rounds: int
) -> list[dict[str, Any]]:
    """Return images a second from file to embedding, and how much of that is not the model."""
    model, transform, _ = plain

    def run_plain() -> None:
        with torch.no_grad():
            for start in range(0, len(paths), BATCH):
                part = paths[start : start + BATCH]
                batch = torch.stack([transform(PILImage.open(path)) for path in part])
                model.encode_image(batch)

    def run(encoder: Encoder) -> Callable[[], object]:
        return lambda: encoder.embed_images([read_image(p).pixels for p in paths], batch_size=BATCH)

    works = {"plain open_clip": run_plain, **{name: run(e) for name, e in encoders.items()}}
    seconds = time_in_turn(works, rounds)
    steps = encoders["onnx fp32"]
    reading = time_in_turn(
        {"": lambda: [steps.shrink(read_image(p).pixels) for p in paths]}, rounds
    )
    return [
        {
            "variant": name,
            "images_per_second": len(paths) / taken,
            "ratio_to_plain": seconds["plain open_clip"] / taken,
            "share_of_decoding_and_scaling": reading[""] / taken,
        }
        for name, taken in seconds.items()
    ]


def time_texts(
    texts: Sequence[str], encoders: dict[str, Encoder], plain: tuple[Any, Any, Any], rounds: int
) -> list[dict[str, Any]]:
    """Return queries a second, each on its own."""
    model, _, tokenizer = plain

    def run_plain() -> None:
        with torch.no_grad():
            for text in texts:
                model.encode_text(tokenizer([text]))

    def run(encoder: Encoder) -> Callable[[], object]:
        return lambda: [encoder.embed_texts([text]) for text in texts]

    works = {"plain open_clip": run_plain, **{name: run(e) for name, e in encoders.items()}}
    seconds = time_in_turn(works, rounds)
    return [
        {
            "variant": name,
            "texts_per_second": len(texts) / taken,
            "milliseconds": 1e3 * taken / len(texts),
            "ratio_to_plain": seconds["plain open_clip"] / taken,
        }
        for name, taken in seconds.items()
    ]


def time_in_turn(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each work; rounds interleave them."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        for name, work in works.items():
            note(f"round {number + 1} of {rounds}: {name or 'reading'}")
            started = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def compare(encoders: dict[str, Encoder], sample: Sample) -> list[dict[str, Any]]:
    """Return how near each variant stays to torch at fp32 on these images."""
    embedded: dict[str, Embedded] = {
        name: embed_sample(encoder, sample) for name, encoder in encoders.items()
    }
    return [
        {
            "variant": name,
            **measure_fidelity(
                found, embedded["torch fp32"], compared_with="torch fp32", sample=sample
            ).model_dump(),
        }
        for name, found in embedded.items()
    ]


def export_sizes() -> dict[str, float]:
    """Return the size of each exported file."""
    found = Path(os.environ["MEDX_CACHE_DIR"]).glob("encoders/*/export.json")
    return {
        name: size / 1e6
        for path in found
        for name, size in json.loads(path.read_text())["files"].items()
    }


def show(result: dict[str, Any]) -> None:
    """Print what matters as tables."""
    machine = result["machine"]
    size, threads = result["model"]["size"], machine["threads"]
    print_table(
        [
            (row["variant"], row["images_per_second"], row["ratio_to_plain"],
             f"{row['share_of_decoding_and_scaling']:.1%}")
            for row in result["image_embedding"]
        ],
        columns=("images", "a second", "× plain", "decoding and scaling"),
        title=f"{size} size on {threads} threads of {machine['processor']}",
    )  # fmt: skip
    print_table(
        [
            (row["variant"], row["texts_per_second"], row["milliseconds"], row["ratio_to_plain"])
            for row in result["text_embedding"]
        ],
        columns=("texts, one at a time", "a second", "ms", "× plain"),
    )
    print_table(
        [
            (row["variant"], kind, f"{row[kind]['mean_cosine']:.5f}",
             f"{row[kind]['worst_cosine']:.5f}", row[kind]["top10_overlap"])
            for row in result["fidelity"]
            for kind in ("images", "texts")
        ],
        columns=("beside torch fp32", "what", "mean cosine", "worst cosine", "top-10 overlap"),
    )  # fmt: skip
    print_table(
        [
            (row["variant"], row["seconds"], row["best_seconds"], f"{row['peak_megabytes']:.0f}")
            for row in result["cold_text_search"]
        ],
        columns=("cold text search", "seconds", "best", "peak MB"),
    )


if __name__ == "__main__":
    main()
