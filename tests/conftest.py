"""Fixtures shared by all tests: an isolated home for every test, the command, small datasets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.cli import main
from medx.core.images import read_image
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import save_dataset

# Resolved at once: every test runs in a folder of its own.
REAL_DATA = Path(os.environ["MEDX_DATA_DIR"]).resolve() if "MEDX_DATA_DIR" in os.environ else None

# Started in the background of a shell, the suite and every command it starts would ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Result:
    """What one command said and how it ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture(autouse=True, scope="session")
def session_cache(tmp_path_factory):
    """Keep what fixtures of the whole session cache out of a developer's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """Send everything a test writes to its own folder and keep it off the network."""
    monkeypatch.chdir(tmp_path)
    for name in ("OUTPUT", "INDEX", "CACHE"):
        monkeypatch.setenv(f"MEDX_{name}_DIR", str(tmp_path / name.lower()))
    # A developer's own caches must not decide what a test finds.
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    if hub := sys.modules.get("huggingface_hub.constants"):  # it read the variables when imported
        monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MEDX_DATA_DIR", "MEDX_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")


@pytest.fixture
def cli(capfd):
    """Run ``medx`` in process, as the console script does."""

    def run(*args: object) -> Result:
        capfd.readouterr()
        try:
            main([str(arg) for arg in args])
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images, or a skip."""
    if not REAL_DATA:
        pytest.skip("MEDX_DATA_DIR is not set: the real images are not on this machine")
    return REAL_DATA


def write_dataset(folder: Path, classes: dict[str, int], *, size: int = 28, seed: int = 0) -> Path:
    """Write a dataset folder whose classes differ in where a bright square stands.

    Args:
        folder: Where to.
        classes: Images of each class a split.
    """
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    records = []
    for split in ("train", "val", "test"):
        for c, (label, count) in enumerate(classes.items()):
            for i in range(count):
                pixels = rng.integers(0, 90, (size, size), dtype=np.uint8)
                x, y = 4 + 9 * (c % 3), 4 + 9 * (c // 3)
                pixels[y : y + 7, x : x + 7] += 120
                name = f"{split}-{label}-{i:03d}"
                PILImage.fromarray(pixels).save(folder / "images" / f"{name}.png")
                records.append(Record(id=name, path=f"images/{name}.png", label=label, split=split))
    save_dataset(
        Dataset(
            name=folder.name,
            records=tuple(records),
            classes=tuple(classes),
            location=str(folder),
            reader=lambda record: read_image(folder / record.path),
            synthetic=True,
        ),
        folder,
    )
    return folder


@pytest.fixture(scope="session")
def two_class(tmp_path_factory) -> Path:
    """A separable two-class dataset of 40 + 20 images a split."""
    return write_dataset(tmp_path_factory.mktemp("data") / "two", {"normal": 20, "pneumonia": 40})


@pytest.fixture(scope="session")
def three_class(tmp_path_factory) -> Path:
    """A separable three-class dataset of 15 images a class and split."""
    return write_dataset(
        tmp_path_factory.mktemp("data") / "three", {"ring": 15, "trophozoite": 15, "normal": 15}
    )


@pytest.fixture(scope="session")
def run_dir(two_class, tmp_path_factory) -> Path:
    """The train run of a classifier of ``two_class``."""
    from classify.config import TrainConfig
    from classify.training.train import train

    folder = tmp_path_factory.mktemp("run")
    train(TrainConfig(epochs=1, dataset=str(two_class)), folder, load_dataset(str(two_class)))
    return folder


@pytest.fixture(scope="session")
def index_dir(two_class, tmp_path_factory) -> Path:
    """An index of ``two_class``."""
    from retrieval.build import build_index
    from retrieval.encoders.compact import CompactEncoder

    folder = tmp_path_factory.mktemp("index") / "two"
    build_index(load_dataset(str(two_class)), CompactEncoder(), folder)
    return folder


@pytest.fixture
def film(two_class, tmp_path) -> Path:
    """A file of an image of test, under a name that tells nothing."""
    return Path(shutil.copy(next((two_class / "images").glob("test-*.png")), tmp_path / "film.png"))
