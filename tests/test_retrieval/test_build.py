import json
import shutil

import numpy as np
import pytest

from medx.core.content_hash import content_hash
from medx.core.errors import InputError, UnknownNameError
from medx.core.images import read_image
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest_files import load_manifest
from retrieval.build import build_index
from retrieval.config import BuildConfig
from retrieval.index.gallery_index import GalleryIndex


@pytest.fixture
def damaged(two_class, tmp_path):
    """A copy of the dataset with a truncated, an empty and a missing image."""
    folder = shutil.copytree(two_class, tmp_path / "damaged")
    images = sorted((folder / "images").iterdir())
    images[0].write_bytes(images[0].read_bytes()[:200])
    images[1].write_bytes(b"")
    images[2].unlink()
    return folder


def test_index_json_describes_the_index(toy_index_dir, two_class, toy):
    about = json.loads((toy_index_dir / "index.json").read_text())
    assert about["schema_version"] == 2
    assert about["encoder"] == toy.fingerprint.model_dump()
    assert (about["metric"], about["kind"], about["normalized"]) == ("cosine", "flat", True)
    assert (about["count"], about["splits"]) == (180, {"train": 60, "val": 60, "test": 60})
    assert (about["dataset"], about["dataset_source"]) == ("two", str(two_class))
    assert about["synthetic"] is True
    assert about["settings"] == {
        "split": "all", "limit": None, "batch_size": "auto", "kind": "auto", "memory_bytes": None,
    }  # fmt: skip
    assert "faiss-cpu" in about["packages"]
    assert "Research use only" in about["disclaimer"]


def test_vectors_stand_beside_their_items(toy_index, two_class, toy):
    dataset = load_manifest(two_class)
    assert toy_index.items.column("id") == [record.id for record in dataset.records]
    item = toy_index.items.item(77)
    pixels = read_image(two_class / item.path).pixels
    assert item.content_hash == content_hash(pixels)
    vector = toy_index.embeddings(np.array([77]))
    np.testing.assert_allclose(vector, toy.embed_images([pixels]), atol=1e-6)


def test_unreadable_images_are_skipped_and_listed(damaged, toy, tmp_path):
    result = build_index(load_manifest(damaged), toy, tmp_path / "x")
    assert (result.count, len(result.skipped)) == (177, 3)
    index = GalleryIndex.load(tmp_path / "x")
    gone = {skipped.id for skipped in result.skipped}
    assert gone.isdisjoint(index.items.column("id"))
    assert all(skipped.reason for skipped in result.skipped)


def test_batches_with_gaps_keep_rows_and_items_together(damaged, toy, tmp_path):
    config = BuildConfig(batch_size=2)
    build_index(load_manifest(damaged), toy, tmp_path / "x", config)
    index = GalleryIndex.load(tmp_path / "x")
    for row in (0, 1, 100):
        pixels = read_image(damaged / index.items.item(row).path).pixels
        expected = toy.embed_images([pixels])
        np.testing.assert_allclose(index.embeddings(np.array([row])), expected, atol=1e-6)


def test_nothing_readable_is_an_error(two_class, toy, tmp_path):
    folder = shutil.copytree(two_class, tmp_path / "gone")
    shutil.rmtree(folder / "images")
    with pytest.raises(InputError, match="no readable image"):
        build_index(load_manifest(folder), toy, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_split_and_limit(two_class, toy, tmp_path):
    config = BuildConfig(split="val", limit=7)
    result = build_index(load_dataset(str(two_class)), toy, tmp_path / "x", config)
    assert result.splits == {"val": 7}
    with pytest.raises(UnknownNameError, match="'vla'"):
        build_index(load_dataset(str(two_class)), toy, tmp_path / "x", BuildConfig(split="vla"))
    assert len(GalleryIndex.load(tmp_path / "x")) == 7


def test_building_again_replaces_the_index(two_class, toy, tmp_path):
    dataset = load_dataset(str(two_class))
    build_index(dataset, toy, tmp_path / "x", BuildConfig(limit=5))
    build_index(dataset, toy, tmp_path / "x", BuildConfig(limit=9))
    assert len(GalleryIndex.load(tmp_path / "x")) == 9
    assert sorted(p.name for p in tmp_path.glob("*x*")) == ["x"]


def test_other_folders_are_refused_before_any_work(two_class, toy, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        build_index(load_dataset(str(two_class)), toy, tmp_path)


def test_constant_images_can_be_indexed(toy, tmp_path, two_class):
    folder = shutil.copytree(two_class, tmp_path / "flat")
    from PIL import Image

    for path in (folder / "images").iterdir():
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(path)
    build_index(load_manifest(folder), toy, tmp_path / "x")
    index = GalleryIndex.load(tmp_path / "x")
    found = index.search(index.embeddings(np.array([9])), 3)
    np.testing.assert_allclose(found.similarities, 1.0, atol=1e-6)
