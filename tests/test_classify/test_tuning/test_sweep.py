import shutil
import statistics
from dataclasses import replace

import numpy as np
import pytest

from classify.config import TrainConfig
from classify.evaluation.ranking import macro_auroc
from classify.predict import load_classifier
from classify.recipe import load_recipe
from classify.tuning.ranking import shifted_auroc
from classify.tuning.search_space import SweepConfig
from classify.tuning.sweep import sweep
from classify.tuning.trial_data import make_folds, without_test
from medx.core.errors import InputError
from medx.core.runs import load_json

BASE = TrainConfig(epochs=1, batch_size=20, device="cpu")
SPACE = SweepConfig(
    space={"learning_rate": ["1e-5", 3e-3], "class_weights": [[0.4, 0.6]]}, seeds=2, select="nll"
)


@pytest.fixture(scope="module")
def guarded(binary):
    """The binary dataset, whose test images cannot be read."""

    def read(record):
        if record.id.startswith("test"):
            raise AssertionError(f"the sweep read {record.id}")
        return binary.reader(record)

    return replace(binary, reader=read)


@pytest.fixture(scope="module")
def finished(guarded, tmp_path_factory):
    """A finished sweep: its folder and what it found."""
    folder = tmp_path_factory.mktemp("sweeps") / "sweep"
    return folder, sweep(SPACE, BASE, folder, guarded)


def nothing_of_test(folder):
    trials = list((folder / "trials").iterdir())
    splits = [set(load_json(trial / "data.json")["splits"]) for trial in trials]
    return splits == [{"train", "val"}] * len(trials) and not list(folder.rglob("test_ledger*"))


def test_no_test_image_is_read_nor_even_listed(finished, guarded, tmp_path):
    assert nothing_of_test(finished[0])
    sweep(SweepConfig(space={"focal_gamma": [0.0]}, folds=2), BASE, tmp_path / "sweep", guarded)
    assert nothing_of_test(tmp_path / "sweep")


def test_the_leaderboard_is_what_the_trials_reached(finished):
    folder, result = finished
    means = [one.mean for one in result.leaderboard]
    assert means == sorted(means)
    assert not result.higher_is_better
    for one in result.leaderboard:
        values = [
            load_json(folder / trial.run_dir / "metrics.json")["val"]["nll"]["estimate"]
            for trial in one.trials
        ]
        assert one.mean == pytest.approx(statistics.fmean(values))
        assert one.sd == pytest.approx(statistics.stdev(values))
    assert {type(one.settings["learning_rate"]) for one in result.leaderboard} == {float}
    assert (folder / "figures" / "sweep.png").is_file()


def test_the_best_is_a_recipe_that_training_takes(finished):
    _, result = finished
    recipe = load_recipe(result.recipe)
    assert recipe.config().learning_rate == result.best["learning_rate"]
    assert recipe.config().class_weights == (0.4, 0.6)
    assert recipe.config().epochs == BASE.epochs
    assert "(synthetic)" in recipe.description


def test_finished_trials_are_not_run_again(finished, guarded, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "sweep")
    weights = folder / "trials" / "001-seed-0" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    (folder / "trials" / "002-seed-0" / "metrics.json").unlink()
    again = sweep(SPACE, BASE, folder, guarded, resume=True)
    assert weights.stat().st_mtime_ns == before
    assert again.leaderboard == finished[1].leaderboard


def test_another_sweep_is_not_resumed(finished, guarded):
    folder, _ = finished
    other = replace(SPACE, space={"focal_gamma": [2.0]})
    with pytest.raises(InputError, match="another space"):
        sweep(other, BASE, folder, guarded, resume=True)
    with pytest.raises(InputError, match="another epochs"):
        sweep(SPACE, replace(BASE, epochs=2), folder, guarded, resume=True)


def test_a_failed_trial_comes_last_and_says_why(guarded, tmp_path):
    config = SweepConfig(space={"class_weights": [[1.0, 1.0, 1.0], [1.0, 1.0]]})
    result = sweep(config, BASE, tmp_path / "sweep", guarded)
    assert [one.mean is None for one in result.leaderboard] == [False, True]
    assert "3 weights for 2 classes" in result.leaderboard[1].trials[0].error


def test_nothing_but_failures_is_an_error(guarded, tmp_path):
    config = SweepConfig(space={"class_weights": [[1.0, 1.0, 1.0]]})
    with pytest.raises(InputError, match="3 weights for 2 classes"):
        sweep(config, BASE, tmp_path / "sweep", guarded)


def test_a_bad_value_is_refused_before_any_training(guarded, tmp_path):
    config = SweepConfig(space={"focal_gamma": [1.0, -1.0]})
    with pytest.raises(InputError, match=r"focal_gamma=-1\.0"):
        sweep(config, BASE, tmp_path / "sweep", guarded)
    assert not (tmp_path / "sweep").exists()


def test_folds_judge_each_image_once_and_keep_patients_together(binary):
    grouped = replace(
        binary,
        records=tuple(replace(r, group=f"p{i // 3}") for i, r in enumerate(binary.records)),
    )
    folds = make_folds(grouped, 3, seed=0)
    judged = [r.id for fold in folds for r in fold.split("val").records]
    assert sorted(judged) == sorted(record.id for record in without_test(grouped).records)
    for fold in folds:
        sides = [{r.group for r in fold.split(name).records} for name in ("train", "val")]
        assert not sides[0] & sides[1]
        assert len({r.label for r in fold.split("val").records}) == 2


def test_more_folds_than_patients_are_refused(binary):
    one = replace(binary, records=tuple(replace(r, group="p") for r in binary.records))
    with pytest.raises(InputError, match="cannot fill"):
        make_folds(one, 2, seed=0)


def test_shifted_auroc_is_below_or_at_that_of_clean_images_here(binary, binary_run):
    classifier = load_classifier(binary_run, "cpu")
    part = without_test(binary).split("val")
    clean = macro_auroc(
        part.targets(), classifier.probabilities(part.load_pixels(classifier.size).pixels)
    )
    shifted = shifted_auroc(binary_run, without_test(binary), limit=None)
    assert 0.0 <= shifted <= clean + 0.05
    assert np.isfinite(shifted)


def test_shifted_auroc_needs_a_val_split_of_its_own(guarded, tmp_path):
    folds = replace(BASE, members=2, train_on="folds")
    config = SweepConfig(space={"focal_gamma": [0.0]}, select="shifted_auroc")
    with pytest.raises(InputError, match="not learned from"):
        sweep(config, folds, tmp_path / "sweep", guarded)
