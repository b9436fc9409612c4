import shutil
from pathlib import Path

import pytest

from classify.config import TrainConfig
from classify.training.train import train
from medx.case.workbench import open_workbench
from medx.datasets.catalog import load_dataset
from reportgen.config import ReportConfig
from retrieval.build import build_index
from retrieval.encoders.compact import CompactEncoder


@pytest.fixture(scope="session")
def run_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(TrainConfig(epochs=1, dataset=str(two_class)), folder, load_dataset(str(two_class)))
    return folder


@pytest.fixture(scope="session")
def index_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "two"
    build_index(load_dataset(str(two_class)), CompactEncoder(), folder)
    return folder


@pytest.fixture
def bench(two_class, run_dir, index_dir):
    """Return everything that answers for an image, with the mock as its engine."""
    return open_workbench(
        ReportConfig(
            dataset=str(two_class),
            run=str(run_dir),
            index=str(index_dir),
            engine="mock",
            strategies=("grounded",),
        )
    )


@pytest.fixture
def film(two_class, tmp_path):
    """A file of an image of test, under a name that tells nothing."""
    return Path(shutil.copy(next((two_class / "images").glob("test-*.png")), tmp_path / "film.png"))
