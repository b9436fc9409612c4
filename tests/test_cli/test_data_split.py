import csv
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import write_dataset
from test_datasets.test_medmnist import write_npz

from medx.core.content_hash import content_hash
from medx.datasets.manifest_files import load_manifest


@pytest.fixture
def folder(tmp_path):
    """A dataset folder of 2 × 30 images that has no splits."""
    folder = write_dataset(tmp_path / "mine", {"a": 10, "b": 10})
    _edit(folder, lambda row: row | {"split": ""})
    return folder


def _edit(folder, change):
    path = folder / "manifest.csv"
    with path.open(newline="") as stream:
        rows = [change(row) for row in csv.DictReader(stream)]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_folder_is_split_in_place(cli, folder):
    about = (folder / "dataset.yaml").read_text() + "# my notes\n"
    (folder / "dataset.yaml").write_text(about)
    before = (folder / "manifest.csv").read_text()
    result = cli("data", "split", folder, "--json")
    assert result.exit_code == 0, result.stderr
    assert {p["name"]: p["records"] for p in result.json["parts"]} == {
        "train": 42, "val": 9, "test": 9
    }  # fmt: skip
    split = load_manifest(folder)
    assert {name: sum(of.values()) for name, of in split.counts().items()} == {
        "train": 42, "val": 9, "test": 9
    }  # fmt: skip
    assert (folder / "manifest.csv.bak").read_text() == before
    assert (folder / "dataset.yaml").read_text() == about


def test_split_yaml_is_the_json_and_the_table_shows_it(cli, folder):
    result = cli("data", "split", folder, "--seed", 3, "--output", "out", "--json").json
    written = yaml.safe_load(Path("out/split.yaml").read_text())
    assert written == {k: v for k, v in result.items() if k != "folder"}
    assert written["seed"] == 3
    table = cli("data", "split", folder, "--seed", 3, "--output", "other").stdout
    for text in ("42 (70.0%)", "9 (15.0%)", "label a", "kept together", "(synthetic)", "seed 3"):
        assert text in table


def test_the_same_seed_gives_the_same_manifest_and_another_another(cli, folder):
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        assert cli("data", "split", folder, "--seed", seed, "--output", name).exit_code == 0
    one, again, two = (Path(n, "manifest.csv").read_text() for n in ("one", "again", "two"))
    assert one == again != two


def test_splits_that_are_there_are_not_lost_silently(cli, folder):
    cli("data", "split", folder)
    first = (folder / "manifest.csv").read_text()
    refused = cli("data", "split", folder, "--seed", 1)
    assert refused.exit_code == 1
    assert "has splits already" in refused.stderr
    assert "--force" in refused.stderr
    assert (folder / "manifest.csv").read_text() == first
    assert cli("data", "split", folder, "--seed", 1, "--force").exit_code == 0
    assert (folder / "manifest.csv").read_text() != first
    assert (folder / "manifest.csv.bak1").read_text() == first


def test_an_output_that_holds_a_dataset_is_not_overwritten(cli, folder):
    assert cli("data", "split", folder, "--output", "out").exit_code == 0
    refused = cli("data", "split", folder, "--output", "out")
    assert refused.exit_code == 1
    assert "holds a dataset already" in refused.stderr
    assert cli("data", "split", folder, "--folds", 3, "--output", "folds").exit_code == 0
    assert cli("data", "split", folder, "--folds", 3, "--output", "folds").exit_code == 1
    assert cli("data", "split", folder, "--output", "out", "--force").exit_code == 0


def test_duplicates_and_patients_stay_together(cli, folder):
    images = sorted((folder / "images").iterdir())
    shutil.copyfile(images[0], images[1])
    shutil.copyfile(images[2], images[-1])
    _edit(folder, lambda row: row | {"group": "p" + row["id"][-1]})
    for seed in range(3):
        result = cli("data", "split", folder, "--seed", seed, "--output", f"out{seed}", "--json")
        assert result.json["kept_together"]["repeats"] == 2
        split, sides = load_manifest(folder.parent / f"out{seed}"), {}
        for record in split.records:
            for key in (record.group, content_hash(split.read(record).pixels)):
                sides.setdefault(key, set()).add(record.split)
        assert all(len(found) == 1 for found in sides.values())


def test_each_fold_is_a_dataset_that_other_commands_take(cli, folder):
    result = cli("data", "split", folder, "--folds", 3, "--output", "cv", "--json")
    assert result.exit_code == 0, result.stderr
    tested = []
    for fold in range(3):
        about = cli("data", "info", f"cv/fold-{fold}", "--json").json
        assert about["totals"] == {"train": 20, "val": 20, "test": 20}
        assert about["name"] == f"mine-fold-{fold}"
        tested += [
            r.id for r in load_manifest(folder.parent / f"cv/fold-{fold}").split("test").records
        ]
        assert yaml.safe_load(Path(f"cv/fold-{fold}/split.yaml").read_text())["fold"] == fold
    assert sorted(tested) == sorted(r.id for r in load_manifest(folder).records)


def test_folds_and_named_datasets_need_an_output(cli, folder):
    write_npz(folder.parent / "npz" / "pneumoniamnist.npz")
    named = ("pneumoniamnist", "--data-dir", folder.parent / "npz")
    for args in ((folder, "--folds", 3), named):
        result = cli("data", "split", *args)
        assert result.exit_code == 1
        assert "--output FOLDER" in result.stderr


def test_damaged_images_are_listed_and_the_rest_is_split(cli, folder):
    victim = sorted((folder / "images").iterdir())[0]
    victim.write_bytes(b"junk")
    result = cli("data", "split", folder, "--json")
    assert [*result.json["unreadable"]] == [victim.stem]
    assert load_manifest(folder).find(victim.stem).split is None
    assert "1 unreadable" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--fractions", "0.5,0.5"], "three shares"),
        (["--fractions", "x"], "must be numbers"),
        (["--holdout", "B"], "source=NAME"),
        (["--holdout", "source=B"], "no record has a column 'source'"),
        (["--folds", "2"], "folds must be >= 3"),
        (["--folds", "5", "--keep-official", "--output", "o"], "choose one of"),
        (["--keep-official"], "no split to keep"),
    ],
)
def test_bad_requests_are_one_line_and_change_nothing(cli, folder, args, message):
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = cli("data", "split", folder, *args)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_official_pneumonia_split_loses_what_leaks(cli, real_data):
    args = ("data", "split", "pneumoniamnist", "--data-dir", real_data, "--keep-official")
    refused = cli(*args, "--output", "official")
    assert refused.exit_code == 1
    assert "8 pictures in train and val" in refused.stderr
    result = cli(*args, "--drop-leaks", "--output", "official", "--json")
    parts = {part["name"]: part["records"] for part in result.json["parts"]}
    assert parts == {"train": 4698, "val": 524, "test": 624}
    with open("official/dropped.csv", newline="") as stream:
        dropped = list(csv.DictReader(stream))
    assert len(dropped) == result.json["dropped"] == 10
    assert len({row["reason"] for row in dropped}) == 8
    assert all(row["reason"].startswith("equals val-") for row in dropped)
    assert cli("data", "split", "official", "--keep-official", "--force").exit_code == 0


def test_pneumonia_without_repeats_and_resplit(cli, real_data):
    args = ("data", "split", "pneumoniamnist", "--data-dir", real_data, "--output", "new", "--json")
    result = cli(*args, "--drop-duplicates")
    assert result.json["dropped"] == 29
    assert result.json["kept_together"] == {
        "units": 5827, "groups": 0, "repeats": 0, "largest": 1
    }  # fmt: skip
    assert [part["records"] for part in result.json["parts"]] == [4079, 874, 874]
    assert cli("data", "info", "new", "--json").json["totals"]["train"] == 4079
