import csv
import errno
import shutil

from test_datasets.layouts import write_bbbc041, write_btxrd, write_folders, write_voc
from test_datasets.test_medmnist import write_npz

from medx.datasets.manifest_files import load_manifest


def test_images_are_referenced_or_copied(cli, tmp_path):
    source = write_folders(tmp_path / "src", "train/A/1.png", "test/B/1.png")
    referenced = cli("data", "import", source, "--output", tmp_path / "one", "--json")
    assert referenced.json["copied"] is False
    assert "recognised" in referenced.stderr
    copied = cli("data", "import", source, "--output", tmp_path / "two", "--copy", "--json")
    assert copied.json["counts"] == {"test": {"B": 1}, "train": {"A": 1}}
    one, two = load_manifest(tmp_path / "one"), load_manifest(tmp_path / "two")
    assert one.root == source.resolve()
    assert (two.root / two.records[0].path).read_bytes() == (
        source / one.records[0].path
    ).read_bytes()
    shutil.rmtree(source)
    assert (two.read(two.records[1]).pixels >= 0).all()


def test_the_table_says_what_the_json_says(cli, tmp_path):
    source = write_folders(tmp_path / "src", "A/1.png", "A/2.png", "B/3.png")
    shown = cli("data", "import", source, "--output", tmp_path / "out").stdout
    assert "3 images" in shown
    assert "classes: A, B (positive: B)" in shown


def test_what_is_there_is_never_replaced(cli, tmp_path):
    source = write_folders(tmp_path / "src", "A/1.png", "B/2.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    result = cli("data", "import", source, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert "--output" in result.stderr
    assert (tmp_path / "out" / "mine.txt").read_text() == "x"


def test_a_label_map_merges_and_drops(cli, tmp_path):
    source = write_folders(tmp_path / "src", "A/1.png", "B/2.png", "C/3.png")
    result = cli(
        "data", "import", source, "--output", tmp_path / "out", "--label-map", "B=x,A=y,C=",
        "--name", "mine", "--json",
    ).json  # fmt: skip
    assert (result["classes"], result["dropped"], result["name"]) == (["x", "y"], 1, "mine")
    wrong = cli("data", "import", source, "--output", tmp_path / "no", "--label-map", "D=")
    assert "unknown class in the label map 'D'" in wrong.stderr
    assert not (tmp_path / "no").exists()


def test_skipped_files_are_counted_and_listed(cli, tmp_path):
    write_folders(tmp_path, "images/a.png")
    (tmp_path / "t.csv").write_text("path,label\nimages/a.png,x\nimages/gone.png,y\n")
    result = cli("data", "import", tmp_path / "t.csv", "--output", tmp_path / "out", "--json")
    assert result.json["skipped"] == [{"path": "images/gone.png", "reason": "row 3: no such image"}]
    with (tmp_path / "out" / "skipped.csv").open() as stream:
        assert [row["path"] for row in csv.DictReader(stream)] == ["images/gone.png"]


def test_an_interrupted_copy_leaves_nothing(cli, tmp_path, monkeypatch):
    source = write_folders(tmp_path / "src", "A/1.png", "B/2.png")
    before = sorted(p.name for p in tmp_path.iterdir())

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfile", interrupt)
    assert cli("data", "import", source, "--output", tmp_path / "out", "--copy").exit_code == 130
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_full_disk_is_one_error_and_leaves_nothing(cli, tmp_path, monkeypatch):
    source = write_folders(tmp_path / "src", "A/1.png", "B/2.png")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    result = cli("data", "import", source, "--output", tmp_path / "out", "--copy")
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert not (tmp_path / "out").exists()


def test_medmnist_rows_are_referenced_by_name_and_by_file(cli, tmp_path, monkeypatch):
    path = write_npz(tmp_path / "pneumoniamnist.npz") or tmp_path / "pneumoniamnist.npz"
    monkeypatch.setenv("MEDX_DATA_DIR", str(tmp_path))
    by_name = cli("data", "import", "pneumoniamnist", "--output", tmp_path / "one", "--json").json
    by_file = cli("data", "import", path, "--output", tmp_path / "two", "--copy", "--json").json
    assert by_name["counts"] == by_file["counts"]
    one, two = load_manifest(tmp_path / "one"), load_manifest(tmp_path / "two")
    assert one.records[0].path == "pneumoniamnist.npz#train/0"
    assert two.records[0].path == "images/pneumoniamnist.npz#train/0"
    assert (one.read(one.records[1]).pixels == two.read(two.records[1]).pixels).all()


def test_nothing_to_import_is_wrong(cli, tmp_path):
    result = cli("data", "import", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "SOURCE" in result.stderr


def test_bbbc041_goes_from_boxes_to_a_binary_dataset(cli, tmp_path):
    source = write_bbbc041(tmp_path / "bbbc041")
    imported = cli(
        "data", "import", source, "--format", "bbbc041", "--label-map", "bbbc041-binary",
        "--output", tmp_path / "fields", "--json",
    ).json  # fmt: skip
    assert imported["boxes"] == {"uninfected": 2, "infected": 4}
    crops = cli("data", "crop", tmp_path / "fields", "--output", tmp_path / "cells", "--json").json
    assert crops["classes"] == ["uninfected", "infected"]
    assert crops["counts"] == {
        "train": {"uninfected": 2, "infected": 3},
        "test": {"infected": 1},
    }


def test_the_centre_of_btxrd_is_the_source(cli, tmp_path):
    source = write_btxrd(tmp_path / "btxrd")
    args = ("data", "import", source, "--format", "btxrd", "--output", tmp_path / "out", "--json")
    assert cli(*args).json["sources"] == {"centre 1": 1, "centre 2": 1, "centre 3": 1}
    about = (tmp_path / "out" / "dataset.yaml").read_text()
    assert "CC BY-NC-ND 4.0" in about


def test_crop_refuses_a_dataset_without_boxes_and_a_senseless_margin(cli, tmp_path, two_class):
    assert "no boxes" in cli("data", "crop", two_class, "--output", tmp_path / "out").stderr
    args = ("data", "crop", two_class, "--output", tmp_path / "out", "--margin")
    assert cli(*args, "-1").exit_code == 2
    assert "margin" in cli(*args, "nan").stderr


def test_crop_says_what_it_skipped(cli, tmp_path):
    boxes = [("cell", 1, 1, 9, 9), ("cell", 5, 5, 5, 9)]
    write_voc(tmp_path / "voc", {"a.jpg": boxes})
    imported = cli("data", "import", tmp_path / "voc", "--output", tmp_path / "fields")
    assert "1 box has no area" in imported.stderr
    cropped = cli("data", "crop", tmp_path / "fields", "--output", tmp_path / "cells")
    assert "skipped 1" in cropped.stderr
    assert "1 crop of 1 image" in cropped.stdout


def test_the_real_blood_fields_give_every_cell(cli, tmp_path, real_data):
    imported = cli(
        "data", "import", real_data / "blood", "--format", "bccd", "--output", tmp_path / "fields",
        "--json",
    ).json  # fmt: skip
    assert imported["images"] == 80
    assert imported["boxes"] == {"WBC": 87, "RBC": 1146, "Platelets": 106}
    assert imported["skipped"] == []
    crops = cli("data", "crop", tmp_path / "fields", "--output", tmp_path / "cells", "--json").json
    assert crops["counts"] == {"-": {"WBC": 87, "RBC": 1146, "Platelets": 106}}
    cells = load_manifest(tmp_path / "cells")
    assert len({record.group for record in cells.records}) == 80
    white = next(record for record in cells.records if record.label == "WBC")
    assert white.extra["box"] == "260,177,231,199"
    assert cells.read(white).pixels.shape == (239, 277, 3)
