import pytest

from classify.config import TrainConfig
from classify.training.train import train
from medx.datasets.catalog import load_dataset
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
