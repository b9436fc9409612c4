import numpy as np
import pytest

from classify.config import TrainConfig
from classify.predict import load_classifier
from classify.training.train import train
from medx.core.errors import CheckpointError, InputError
from medx.datasets.catalog import load_dataset
from medx.embedder import join_subsystems
from retrieval.config import GalleryConfig
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.gallery import open_gallery


@pytest.fixture(scope="module")
def run_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    config = TrainConfig(dataset=str(two_class), epochs=1, device="cpu")
    train(config, folder, load_dataset(str(two_class)))
    return folder


@pytest.fixture(autouse=True)
def joined():
    join_subsystems()


@pytest.fixture
def images(two_class):
    dataset = load_dataset(str(two_class)).split("test", limit=4)
    return [dataset.read(record).pixels for record in dataset.records]


def test_embeddings_are_the_classifiers_features(run_dir, images):
    encoder = load_encoder(f"classifier:{run_dir}", device="cpu")
    classifier = load_classifier(run_dir, "cpu")
    features = classifier.features(np.stack([classifier.fit(image) for image in images]))
    expected = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.embed_images(images), expected, atol=1e-5)
    assert encoder.fingerprint.weights_sha256 == classifier.description.weights_sha256
    assert encoder.weights_folder == run_dir.resolve()


def test_the_name_is_that_of_the_run_wherever_it_is(run_dir, tmp_path, monkeypatch):
    assert choose_encoder(f"classifier:{run_dir}").name == "classifier:shapes"
    assert choose_encoder("auto", weights=run_dir).name == "classifier:shapes"
    moved = tmp_path / "output" / "classify" / "train"
    moved.mkdir(parents=True)
    (moved / "shapes").symlink_to(run_dir)
    found = load_encoder("classifier:shapes", device="cpu").fingerprint
    assert found == load_encoder(f"classifier:{run_dir}", device="cpu").fingerprint
    assert found == load_encoder("auto", weights=run_dir, device="cpu").fingerprint


def test_an_index_finds_its_classifier_again(run_dir, two_class, images, tmp_path):
    config = GalleryConfig(dataset=str(two_class), encoder=f"classifier:{run_dir}", device="cpu")
    built = open_gallery(config)
    assert built.index.name == "two-classifier-shapes"
    again = open_gallery(GalleryConfig(index="two-classifier-shapes", device="cpu"))
    assert again.encoder.fingerprint == built.index.description.encoder
    assert again.encoder.embed_images(images).shape[0] == 4
    with pytest.raises(InputError, match="'classifier:shapes' reads images only"):
        again.encoder.require_text()


def test_what_is_no_run_is_an_error(tmp_path):
    with pytest.raises(CheckpointError):
        load_encoder("classifier:never-trained")
    with pytest.raises(InputError, match="classifier is a family"):
        load_encoder("classifier")


def test_unjoined_the_run_belongs_elsewhere(run_dir, monkeypatch):
    monkeypatch.setattr("retrieval.encoders.classifiers._loaders", [])
    with pytest.raises(InputError, match="another part of medx") as caught:
        load_encoder(f"classifier:{run_dir}")
    assert "join_subsystems" in caught.value.hint


def test_the_command_joins_them(cli, run_dir, two_class, monkeypatch):
    monkeypatch.setattr("retrieval.encoders.classifiers._loaders", [])
    join_subsystems()
    built = cli("retrieve", "build", "--dataset", two_class, "--encoder", f"classifier:{run_dir}",
                "--split", "test", "--name", "features", "--json")  # fmt: skip
    assert built.json["encoder"]["name"] == "classifier:shapes"
    said = cli("retrieve", "text-search", "ring", "--index", "features")
    assert said.exit_code == 1
    assert "reads images only" in said.stderr
    assert "compact" in said.stderr
    assert cli("retrieve", "image-search", "test-normal-000", "--index", "features").exit_code == 0
