"""Datasets a small network learns in seconds, and runs trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_classify.squares import make_squares

from classify.config import TrainConfig
from classify.predict import Classifier, load_classifier
from classify.training.train import train
from medx.core.images import image_from_array
from medx.datasets.manifest import Dataset, Record

SIZE = 16
QUICK = {"epochs": 8, "batch_size": 10, "device": "cpu"}


def draw(label: str, rng: np.random.Generator) -> np.ndarray:
    """Draw noise with the texture a class is named after, somewhere and in some strength."""
    pixels = rng.integers(0, 60, (SIZE, SIZE)).astype(np.int64)
    strength, offset = rng.integers(60, 120), rng.integers(0, 4)
    if label == "rows":
        pixels[offset::4] += strength
    elif label == "columns":
        pixels[:, offset::4] += strength
    return pixels.astype(np.uint8)


def make_dataset(name: str, classes: dict[str, int]) -> Dataset:
    """Return a dataset in memory with so many images of each class a split."""
    rng = np.random.default_rng(0)
    records, images = [], {}
    for split in ("train", "val", "test"):
        for label, count in classes.items():
            for i in range(count):
                key = f"{split}-{label}-{i:03d}"
                images[key] = draw(label, rng)
                records.append(Record(id=key, path=key, label=label, split=split))
    return Dataset(
        name=name,
        records=tuple(records),
        classes=tuple(classes),
        location="memory",
        reader=lambda record: image_from_array(images[record.path]),
        synthetic=True,
    )


@pytest.fixture(scope="session")
def binary() -> Dataset:
    """Two classes, 20 and 40 images a split."""
    return make_dataset("binary", {"plain": 20, "rows": 40})


@pytest.fixture(scope="session")
def multiclass() -> Dataset:
    """Three classes of 20 images a split."""
    return make_dataset("multiclass", {"plain": 20, "rows": 20, "columns": 20})


@pytest.fixture(scope="session")
def binary_run(binary, tmp_path_factory) -> Path:
    """A finished run on ``binary``."""
    run_dir = tmp_path_factory.mktemp("runs") / "binary"
    train(TrainConfig(**QUICK), run_dir, binary)
    return run_dir


@pytest.fixture(scope="session")
def multiclass_run(multiclass, tmp_path_factory) -> Path:
    """A finished run on ``multiclass``."""
    run_dir = tmp_path_factory.mktemp("runs") / "multiclass"
    train(TrainConfig(**QUICK), run_dir, multiclass)
    return run_dir


@pytest.fixture(scope="session")
def squares() -> Dataset:
    """Noise with and without a bright square, whose box is known."""
    return make_squares()


@pytest.fixture(scope="session")
def squares_run(squares, tmp_path_factory) -> Path:
    """A finished run on ``squares``."""
    run_dir = tmp_path_factory.mktemp("runs") / "squares"
    plain = {"augmentation": None, "tta": "none", "precision": "fp32"}
    train(TrainConfig(epochs=4, batch_size=16, device="cpu", **plain), run_dir, squares)
    return run_dir


@pytest.fixture(scope="session")
def squares_classifier(squares_run) -> Classifier:
    """The classifier of ``squares_run``."""
    return load_classifier(squares_run, "cpu")
