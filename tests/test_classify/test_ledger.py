import pytest

from classify.ledger import (
    LEDGER_FILE,
    count_evaluations,
    digest_test,
    is_own,
    meets_test,
    read_ledger,
    record_evaluation,
    say_learned,
)
from classify.training.data_facts import save_data_facts
from medx.core.errors import CheckpointError
from medx.core.runs import save_config
from medx.datasets.manifest import Dataset, Record


def dataset_of(*splits):
    records = tuple(Record(id=str(i), path="", split=s) for i, s in enumerate(splits))
    return Dataset(name="d", records=records, classes=(), location="", reader=None)


def test_looks_are_counted_by_dataset(tmp_path):
    assert count_evaluations(tmp_path, "a") == 0
    for dataset in ("a", "b", "a"):
        record_evaluation(tmp_path, dataset, "test", 10)
    assert count_evaluations(tmp_path, "a") == 2
    assert [entry["dataset"] for entry in read_ledger(tmp_path)] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("splits", "met"),
    [(("train", "val"), False), (("val", "test"), True), ((None,), True), (("holdout",), True)],
)
def test_what_training_did_not_use_is_a_look_at_test(splits, met):
    assert meets_test(Record(id=str(s), path="", split=s) for s in splits) == met


@pytest.mark.parametrize(("train_on", "learned"), [("train", 2), ("folds", 3)])
def test_images_that_a_model_learned_from_are_said(tmp_path, train_on, learned):
    save_config(tmp_path, {"train_on": train_on})
    dataset = dataset_of("train", "train", "val")
    (said,) = say_learned(tmp_path, dataset, dataset.records)
    assert f"learned from {learned} of these 3 images" in said
    assert say_learned(tmp_path, dataset, [Record(id="x", path="", split="test")]) == []


def test_another_split_of_the_same_name_is_told_apart(tmp_path):
    save_config(tmp_path, {"train_on": "train"})
    first, second = dataset_of("train", "val", "test"), dataset_of("test", "val", "train")
    assert is_own(tmp_path, second)  # as far as a run knows that kept nothing
    save_data_facts(tmp_path, first)
    assert is_own(tmp_path, first)
    assert not is_own(tmp_path, second)
    (said,) = say_learned(tmp_path, second, second.split("test").records)
    assert "was trained on another split of d: it may have learned from some" in said
    record_evaluation(tmp_path, "d", "test", 1)  # as older versions wrote it
    for dataset in (first, second, second):
        record_evaluation(tmp_path, "d", "test", 1, ids=digest_test(dataset))
    looks = [count_evaluations(tmp_path, "d", digest_test(d)) for d in (first, second)]
    assert looks == [2, 3]


def test_a_damaged_ledger_is_not_counted_as_empty(tmp_path):
    (tmp_path / LEDGER_FILE).write_text('{"dataset": "a"}\n{"dat')
    with pytest.raises(CheckpointError, match="is damaged"):
        count_evaluations(tmp_path, "a")
