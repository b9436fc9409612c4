import os

import pytest

from classify.runs import (
    choose_run,
    dataset_key,
    find_train_run,
    latest_unfinished,
    stored_settings,
    trained_on,
)
from medx.core.errors import CheckpointError, InputError
from medx.core.files import write_json, write_text
from medx.core.settings import output_dir


def make_run(name, dataset, *, finished=True, age=0):
    folder = output_dir() / "classify" / "train" / name
    write_text(folder / "config.yaml", f"dataset: {dataset}\n")
    for path in [folder / "config.yaml", *([folder / "metrics.json"] if finished else [])]:
        if path.name == "metrics.json":
            write_json(path, {})
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return folder


def test_the_newest_finished_run_of_the_dataset_is_found():
    make_run("old", "a", age=50)
    newest = make_run("new", "a", age=10)
    make_run("other", "b", age=5)
    make_run("broken", "a", finished=False, age=1)
    assert find_train_run("a") == newest
    assert choose_run(None, "a", None) == (newest, "a")


def test_without_a_run_the_command_to_make_one_is_said():
    with pytest.raises(CheckpointError, match="no classifier was trained on a yet") as caught:
        find_train_run("a")
    assert caught.value.hint == "medx classify train --dataset a"


def test_a_run_may_be_named_and_brings_its_dataset():
    folder = make_run("mine", "b")
    assert choose_run("mine", None, None) == (folder, "b")
    assert choose_run(str(folder), "c", None) == (folder, "c")
    with pytest.raises(CheckpointError, match="not a run folder"):
        choose_run("nowhere", None, None)


def test_a_dataset_folder_called_as_a_run_does_not_hide_it(tmp_path):
    folder = make_run("bone", "bone")
    (tmp_path / "bone").mkdir()
    assert find_train_run("", "bone") == folder


def test_a_config_without_a_dataset_is_damaged():
    folder = make_run("mine", "5")
    with pytest.raises(CheckpointError, match="does not say the dataset"):
        trained_on(folder)


def test_the_newest_unfinished_run_is_resumed():
    with pytest.raises(InputError, match="no interrupted training"):
        latest_unfinished()
    make_run("done", "a")
    make_run("first", "a", finished=False, age=20)
    second = make_run("second", "a", finished=False, age=10)
    assert latest_unfinished() == second


def test_stored_settings_are_none_or_an_error(tmp_path):
    assert stored_settings(tmp_path) is None
    write_text(tmp_path / "config.yaml", "epochs: 7\nloss: cross-entropy\n")
    assert stored_settings(tmp_path).epochs == 7
    write_text(tmp_path / "config.yaml", "epoch: 7\n")
    with pytest.raises(CheckpointError, match="is damaged"):
        stored_settings(tmp_path)


def test_a_folder_is_the_same_with_and_without_a_slash():
    assert dataset_key("some/folder/") == dataset_key("some/folder")
    assert dataset_key("pneumoniamnist_64") == "pneumoniamnist_64"
