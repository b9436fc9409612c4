"""Training and inference speed of the small classifier, beside a plain PyTorch loop.

    python benchmarks/classifier_speed.py
    python benchmarks/classifier_speed.py --images 512 --epochs 2     # a quick look

Both train the same compact CNN with AdamW on the same PNG files, batch 128, fp32, with small affine
changes, contrast and brightness. The plain loop is what a script would do: a torch ``DataLoader``
over Pillow and torchvision transforms an image, in the fastest of 0 and 2 workers. medx reads the
files once into its pixel cache and changes whole batches; its epochs include the running average
of the weights, validation and the saved state. Images are synthetic (uniform noise and a square):
speed does not depend on what they show. Inference compares the eager network with its exports.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision.transforms import v2

from classify.config import TrainConfig
from classify.exporting.export import export_classifier
from classify.model import CompactCNN
from classify.predict import load_classifier
from classify.training.train import train
from medx.core.console import print_table
from medx.core.files import write_json
from medx.core.runs import package_versions
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import file_reader, load_manifest, save_dataset

RESULTS = Path(__file__).parent / "results" / "classifier_speed.json"
SIZE, BATCH, WORKERS = 28, 128, (0, 2)
CLASSES = ("left", "right")
FORMATS = ("onnx", "openvino", "pt2")


#: What the plain loop does as well: small changes, one view, fp32.
LIKE_PLAIN: dict[str, Any] = {
    "augmentation": "radiograph", "tta": "none", "precision": "fp32", "threshold_on": "val",
}  # fmt: skip


def main() -> None:
    """Measure, print the tables and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = write_images(Path(scratch) / "images", options.images)
        plain = {str(n): time_plain(dataset, options.epochs, n) for n in WORKERS}
        run_dir = Path(scratch) / "run"
        ours = time_medx(dataset, options.epochs, run_dir)
        reading = time_reading(dataset)
        inference = time_inference(run_dir, Path(scratch))
    fastest = max(plain.values())
    result = {
        "command": f"python benchmarks/classifier_speed.py --images {options.images}",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "packages": package_versions(["torch", "torchvision", "onnxruntime", "openvino"]),
        "training_images_per_second": {"plain by workers": plain, "medx": ours},
        "training_ratio": ours / fastest,
        "reading_seconds": reading,
        "inference": inference,
    }
    write_json(options.results, result)
    print_table(
        [*((f"plain, {n} workers", rate) for n, rate in plain.items()), ("medx", ours)],
        columns=("training", "images/s"),
        title=f"medx / fastest plain loop: {ours / fastest:.2f}",
    )
    print_table(
        [(row["format"], row["batch"], row["eager"], row["exported"]) for row in inference],
        columns=("format", "batch", "eager images/s", "exported images/s"),
    )


def write_images(folder: Path, count: int) -> Dataset:
    """Write ``count`` PNG files for training and an eighth of that for val."""
    rng = np.random.default_rng(0)
    (folder / "png").mkdir(parents=True)
    records = []
    for split, number in (("train", count), ("val", count // 8)):
        for i in range(number):
            pixels = rng.integers(0, 120, (SIZE, SIZE), dtype=np.uint8)
            side = i % 2
            pixels[10:18, 4 + 12 * side : 12 + 12 * side] += 60
            name = f"{split}-{i:05d}"
            PILImage.fromarray(pixels).save(folder / "png" / f"{name}.png")
            records.append(
                Record(id=name, path=f"png/{name}.png", label=CLASSES[side], split=split)
            )
    made = Dataset(
        name="squares",
        records=tuple(records),
        classes=CLASSES,
        location=str(folder),
        root=folder,
        synthetic=True,
        reader=file_reader(folder),
    )
    save_dataset(made, folder)
    return load_manifest(folder)


class PlainImages(TorchDataset[tuple[torch.Tensor, int]]):
    """Files opened by Pillow and changed by torchvision, one at a time."""

    def __init__(self, dataset: Dataset) -> None:
        self.items = [
            (Path(str(dataset.root)) / r.path, CLASSES.index(str(r.label))) for r in dataset.records
        ]
        self.change = v2.Compose(
            [
                v2.RandomAffine(10, translate=(0.08, 0.08), scale=(0.9, 1.1)),
                v2.ColorJitter(brightness=0.05, contrast=0.15),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5], [0.25]),
            ]
        )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.items[index]
        with PILImage.open(path) as image:
            return self.change(image.convert("L")), label


def time_plain(dataset: Dataset, epochs: int, workers: int) -> float:
    """Return images a second of a plain loop: the median epoch."""
    images = PlainImages(dataset.split("train"))
    loader = DataLoader(
        images,
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    torch.manual_seed(0)
    network = CompactCNN(len(CLASSES)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        network.train()
        for inputs, target in loader:
            batch = inputs.contiguous(memory_format=torch.channels_last)
            loss = torch.nn.functional.cross_entropy(network(batch), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    return len(images) // BATCH * BATCH / statistics.median(seconds)


def time_medx(dataset: Dataset, epochs: int, run_dir: Path) -> float:
    """Return images a second of ``medx classify train``: the median epoch, validation included."""
    config = TrainConfig(epochs=epochs, batch_size=BATCH, patience=None, device="cpu", **LIKE_PLAIN)
    result = train(config, run_dir, dataset)
    count = len(dataset.split("train").records) // BATCH * BATCH
    return count / statistics.median(epoch.seconds for epoch in result.history)


def time_reading(dataset: Dataset) -> dict[str, float]:
    """Return how long train takes to read with an empty and with a filled cache."""
    part = dataset.split("train")
    seconds = {}
    for what in ("decoded", "cached"):
        started = time.perf_counter()
        part.load_pixels(SIZE + 4)  # a size that training has not cached
        seconds[what] = time.perf_counter() - started
    return seconds


def time_inference(run_dir: Path, scratch: Path) -> list[dict[str, Any]]:
    """Return images a second of the eager network and of each export."""
    classifier = load_classifier(run_dir, "cpu")
    rows = []
    for name in FORMATS:
        folder = scratch / name
        folder.mkdir()
        for speed in export_classifier(classifier, name, folder).speed:
            rows.append({"format": name, **speed.model_dump()})
    return rows


if __name__ == "__main__":
    main()
