import json

import pytest

from medx.datasets.manifest_files import load_manifest


def test_radiographs_are_drawn_as_asked(cli, tmp_path):
    folder = tmp_path / "cxr"
    result = cli(
        "data", "synth", "phantom-cxr", "--output", folder, "--count", 40, "--size", 64,
        "--prevalence", "nodule=0.3, consolidation=0.2", "--duplicates", 0.1, "--markers", 0.5,
        "--label-noise", 0.1, "--json",
    )  # fmt: skip
    told, truth = result.json, json.loads((folder / "truth.json").read_text())
    dataset = load_manifest(folder)
    assert told["synthetic"]
    assert sum(told["images"].values()) == len(dataset) == 44
    assert set(told["labels"]) == set(dataset.classes) == {"normal", "consolidation", "nodule"}
    assert told["duplicates"] == len(truth["duplicates"]) == 4
    assert told["flipped_labels"] == len(truth["flipped_labels"])
    assert told["marked"] == len(truth["marked"]) > 5
    assert dataset.read(dataset.records[0]).native_size == (64, 64)


def test_smears_are_drawn_as_asked(cli, tmp_path):
    folder = tmp_path / "smear"
    args = ("data", "synth", "phantom-smear", "--output", folder, "--count", 3, "--cells", 20)
    told = cli(*args, "--size", "160x128", "--fields-per-slide", 1, "--json").json
    dataset = load_manifest(folder)
    assert told["images"] == {"train": 1, "val": 1, "test": 1}
    boxes = sum(sum(counts.values()) for counts in told["boxes"].values())
    assert boxes == sum(len(record.boxes) for record in dataset.records)
    assert dataset.read(dataset.records[0]).native_size == (128, 160)


def test_too_few_images_for_three_splits_are_warned_of(cli, tmp_path):
    small = ("phantom-smear", "--size", 128, "--count", 4, "--cells", 2)
    few = cli("data", "synth", *small, "--output", tmp_path / "few")
    assert few.exit_code == 0
    assert "warning: no val and no test split: 1 slide is too few for all three" in few.stderr
    enough = cli("data", "synth", *small, "--fields-per-slide", 1, "--output", tmp_path / "enough")
    assert "warning" not in enough.stderr


def test_the_table_says_synthetic_and_what_was_spoilt(cli, tmp_path):
    args = ("--count", 10, "--size", 16, "--duplicates", 0.2)
    shown = cli("data", "synth", "phantom-cxr", "--output", tmp_path / "d", *args).stdout
    assert "synthetic" in shown
    assert "put in on purpose: 2 duplicates; told in" in shown
    assert "not for clinical use" in shown


def test_a_biased_label_is_nearly_a_hospital(cli, tmp_path):
    args = ("--count", 60, "--size", 16, "--prevalence", "nodule=0.5", "--centre-label-bias", 1)
    cli("data", "synth", "phantom-cxr", "--output", tmp_path / "d", *args)
    pairs = {(r.label, r.source) for r in load_manifest(tmp_path / "d").records}
    assert pairs == {("normal", "centre-A"), ("nodule", "centre-B")}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("phantom-cxr", "--size", 8), "size must be in 16-4096 pixels, got 8"),
        (("phantom-cxr", "--prevalence", "nodul=0.1"), "did you mean 'nodule'?"),
        (("phantom-cxr", "--prevalence", "nodule=1.5"), "prevalence must sum to <= 1, got 1.5"),
        (("phantom-cxr", "--prevalence", "nodule=nan"), "prevalence must be"),
        (("phantom-cxr", "--prevalence", "nodule=lots"), "finding=share, got 'nodule=lots'"),
        (("phantom-cxr", "--prevalence", "nodule=0,nodule=0"), "gives nodule twice"),
        (("phantom-cxr", "--duplicates", 1.5), "duplicates must be in 0-1, got 1.5"),
        (("phantom-cxr", "--markers", 1, "--size", 32), "markers need images of 64 pixels"),
        (("phantom-smear", "--size", "big"), "size takes WIDTHxHEIGHT, got 'big'"),
        (("phantom-smear", "--size", 64), "width must be in 128-4096, got 64"),
        (("phantom-smear", "--parasitaemia", 3), "parasitaemia must be in 0-1, got 3.0"),
    ],
)
def test_bad_options_give_one_clear_error(cli, tmp_path, args, said):
    result = cli("data", "synth", *args, "--output", tmp_path / "d")
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("error:") == 1
    assert len(result.stderr.strip().splitlines()) <= 2
    assert not (tmp_path / "d").exists()


def test_no_images_or_no_folder_are_wrong_usage(cli, tmp_path):
    assert (
        cli("data", "synth", "phantom-cxr", "--output", tmp_path / "d", "--count", 0).exit_code == 2
    )
    assert cli("data", "synth", "phantom-smear").exit_code == 2


def test_a_folder_in_use_is_left_alone(cli, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("mine")
    for name in ("phantom-cxr", "phantom-smear"):
        result = cli("data", "synth", name, "--output", tmp_path / "d", "--count", 2)
        assert result.exit_code == 1
        assert "is not empty" in result.stderr
    assert (tmp_path / "d" / "thesis.txt").read_text() == "mine"


def test_a_failed_drawing_leaves_nothing_behind(cli, tmp_path):
    (tmp_path / "file").write_text("")
    result = cli("data", "synth", "phantom-cxr", "--output", tmp_path / "file" / "d", "--count", 2)
    assert result.exit_code == 1
    assert "error:" in result.stderr
    assert [p.name for p in tmp_path.iterdir() if "cxr" in p.name] == []
