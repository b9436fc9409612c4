import os

import pytest

from medx.core import console, runs, settings
from medx.core.errors import CheckpointError, InputError


def finished(name, **config):
    run_dir = runs.create_run_dir("classify", "train", name=name)
    runs.save_config(run_dir, config)
    (run_dir / "metrics.json").write_text("{}")
    return run_dir


def test_a_run_describes_itself():
    run_dir = finished("first", dataset="d", epochs=3)
    assert runs.load_config(run_dir) == {"dataset": "d", "epochs": 3}
    environment = runs.load_json(run_dir / "environment.json")
    assert environment["packages"]["medx"]
    assert os.path.expanduser("~") not in str(environment)


def test_the_latest_matching_run_is_found():
    finished("a", dataset="x")
    os.utime(finished("b", dataset="x") / "metrics.json", (2e9, 2e9))
    finished("c", dataset="y")
    assert runs.latest_run("classify", "train", dataset="x").name == "b"
    assert runs.latest_run("classify", "train", dataset="z") is None


def test_a_named_run_is_not_overwritten_unless_resumed():
    finished("a")
    with pytest.raises(InputError, match="already holds a run"):
        runs.create_run_dir("classify", "train", name="a")
    assert runs.create_run_dir("classify", "train", name="a", resume=True).name == "a"


def fail(error, write):
    with runs.new_run_dir("classify", "evaluate", name="a") as run_dir:
        write(run_dir)
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_run_without_a_result_leaves_no_folder(error):
    run_dir = settings.output_dir() / "classify" / "evaluate" / "a"
    with pytest.raises(error):
        fail(error, lambda folder: runs.save_config(folder, {}))
    assert not run_dir.exists()
    with pytest.raises(error):
        fail(error, lambda folder: (folder / "predictions.csv").touch())
    assert run_dir.exists()


def test_a_folder_that_was_in_use_stays_when_a_run_fails(tmp_path):
    (tmp_path / "log.txt").write_text("mine")
    with pytest.raises(ValueError, match="no"), runs.new_run_dir("a", "b", output=tmp_path):
        raise ValueError("no")
    assert (tmp_path / "log.txt").read_text() == "mine"


def test_runs_of_the_same_second_get_folders_of_their_own():
    folders = {runs.create_run_dir("classify", "train") for _ in range(5)}
    assert len(folders) == 5
    assert all(folder.is_dir() for folder in folders)


def test_a_broken_run_is_skipped_with_a_warning(capfd):
    finished("good", dataset="x")
    broken = finished("broken", dataset="x")
    (broken / "config.yaml").write_text("dataset: [")
    os.utime(broken / "metrics.json", (2e9, 2e9))
    assert runs.latest_run("classify", "train", dataset="x").name == "good"
    assert capfd.readouterr().err.count("skipped a broken run") == 1


def test_the_environment_names_the_command_but_no_argument(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/home/me/medx", "classify", "train", "--output", "/home/me"])
    assert runs.describe_environment()["command"] == "medx classify train"
    monkeypatch.setattr("sys.argv", ["medx", "demo", "/home/me/data"])
    assert runs.describe_environment()["command"] == "medx demo"


def test_damaged_runs_are_clear_errors(tmp_path):
    with pytest.raises(CheckpointError, match=r"not a run folder: no config\.yaml in it"):
        runs.load_config(tmp_path)
    with pytest.raises(CheckpointError, match="not a run folder: there is no such folder"):
        runs.load_config(tmp_path / "frist")
    for content in (b"a: [", b"\xff\xfe\xe9", b"- a"):
        (tmp_path / "config.yaml").write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged"):
            runs.load_config(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        runs.load_json(tmp_path / "metrics.json")


def test_warnings_reach_the_log(tmp_path):
    with runs.logging_to(tmp_path):
        console.warn("three files skipped")
    console.warn("not in the log")
    log = (tmp_path / "log.txt").read_text()
    assert "three files skipped" in log
    assert "not in the log" not in log
