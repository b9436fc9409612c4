from dataclasses import replace

import pytest
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import CheckpointError
from medx.core.ledger import read_entries
from retrieval.config import EvaluateConfig
from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
from retrieval.evaluation.ledger import count_evaluations, ledger_path, record_evaluation
from retrieval.index.description import DatasetOrigin
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items
from retrieval.index.origin import with_origin


def test_looks_are_counted_by_encoder_and_dataset(tmp_path):
    one = ToyEncoder(weights_sha256="1" * 64).fingerprint
    two = ToyEncoder(weights_sha256="2" * 64).fingerprint
    for encoder, dataset in ((one, "a"), (two, "a"), (one, "b"), (one, "a")):
        record_evaluation(encoder, dataset, "test", tmp_path)
    assert (count_evaluations(one, "a"), count_evaluations(two, "a")) == (2, 1)
    assert read_entries(ledger_path())[0]["encoder"] == "toy " + "1" * 16


def test_only_looks_at_the_test_split_are_written(toy_index, toy, tmp_path):
    looks = [("val", 0), ("test", 1), ("all", 2), ("val", 2)]
    for split, expected in looks:
        result = evaluate_index(toy_index, toy, EvaluateConfig(split=split, top_ks=(1,)))
        assert save_evaluation(result, tmp_path / split).test_evaluations == expected
    assert [entry["split"] for entry in read_entries(ledger_path())] == ["test", "all"]


def test_every_dataset_whose_test_images_are_met_is_written(toy_index, toy, tmp_path):
    items = toy_index.items.to_list()
    items[::2] = [replace(item, dataset="more") for item in items[::2]]
    about = with_origin(toy_index.description, DatasetOrigin(name="more", source="more"))
    index = GalleryIndex.from_embeddings(toy_index.embeddings(), Items.from_items(items), about)
    first = toy_index.description.dataset
    expected = set()
    for split in ("val", "test"):
        met = {item.dataset or first for item in items if item.split == split}
        expected |= met if split == "test" else set()
        result = evaluate_index(index, toy, EvaluateConfig(split=split, top_ks=(1,)))
        assert set(result.datasets) == met
        save_evaluation(result, tmp_path / split)
    assert len(expected) == 2
    assert {entry["dataset"] for entry in read_entries(ledger_path())} == expected


def test_a_damaged_ledger_is_not_counted_as_empty(toy):
    record_evaluation(toy.fingerprint, "a", "test", ledger_path())
    with ledger_path().open("a") as stream:
        stream.write('{"dat')
    with pytest.raises(CheckpointError, match="is damaged"):
        count_evaluations(toy.fingerprint, "a")
