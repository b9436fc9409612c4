import json

import pytest
from PIL import Image as PILImage
from test_datasets.layouts import (
    coco_value,
    labelme_value,
    write_bbbc041,
    write_folders,
    write_image,
    write_voc,
)
from test_datasets.test_medmnist import write_npz

from medx.core.errors import InputError, UnknownNameError
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.recognise import recognise
from medx.datasets.importers.sources import read_source


def as_json(path, value):
    path.write_text(json.dumps(value))
    return path


def test_each_layout_is_recognised(tmp_path):
    boxes = {"a.png": [("cell", 1, 1, 5, 5)]}
    write_folders(tmp_path / "folder", "A/1.png", "B/2.png")
    write_voc(tmp_path / "voc", boxes)
    write_bbbc041(tmp_path / "bbbc041-json")
    for name, value in (("coco", coco_value(boxes, ["cell"])), ("labelme", labelme_value("a.png"))):
        write_image(tmp_path / name / "images" / "a.png")
        as_json(tmp_path / name / "a.json", value)
    write_image(tmp_path / "table" / "images" / "a.png")
    (tmp_path / "table" / "labels.csv").write_text("path,label\nimages/a.png,x\n")
    (tmp_path / "medmnist").mkdir()
    write_npz(tmp_path / "medmnist" / "pneumoniamnist.npz")
    for folder in tmp_path.iterdir():
        if folder.name in ("output", "index", "cache", "home", "hf"):
            continue
        found, why = recognise(folder)
        assert found == folder.name
        assert why
        assert read_source(str(folder)).records


def test_a_file_is_recognised_by_what_is_in_it(tmp_path):
    assert recognise(as_json(tmp_path / "x.json", labelme_value("a.png")))[0] == "labelme"
    assert recognise(as_json(tmp_path / "x.json", coco_value({}, [])))[0] == "coco"
    for name, found in (
        ("x.csv", "table"),
        ("x.xlsx", "table"),
        ("x.XML", "voc"),
        ("x.npz", "medmnist"),
    ):
        assert recognise(tmp_path / name)[0] == found


def test_two_formats_at_once_are_an_error_naming_the_option(tmp_path):
    write_voc(tmp_path, {"a.png": [("cell", 1, 1, 5, 5)]})
    as_json(tmp_path / "a.json", labelme_value("a.png"))
    with pytest.raises(InputError, match="could be voc") as caught:
        recognise(tmp_path)
    assert "--format" in caught.value.hint


def test_a_dicom_file_among_many_pictures_decides_nothing(tmp_path):
    write_folders(tmp_path, "A/1.png", "A/2.png", "B/3.png")
    (tmp_path / "B" / "4.dcm").touch()
    with pytest.raises(InputError, match="could be dicom") as caught:
        recognise(tmp_path)
    assert "--format" in caught.value.hint
    for name in ("5.dcm", "6.dcm"):
        (tmp_path / "B" / name).touch()
    assert recognise(tmp_path)[0] == "dicom"


@pytest.mark.parametrize("name", ["nothing", "x.json", "x.txt"])
def test_what_is_none_of_them_is_an_error_naming_the_option(tmp_path, name):
    path = tmp_path / name
    path.write_text("{}") if path.suffix else path.mkdir()
    with pytest.raises(InputError, match="cannot tell") as caught:
        recognise(path)
    assert "--format" in caught.value.hint


def test_a_dataset_is_not_imported_again(tmp_path, two_class):
    with pytest.raises(InputError, match="dataset already"):
        recognise(two_class)


def test_unknown_names_get_near_ones(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown source") as caught:
        read_source("bbcd")
    assert "'bccd'" in caught.value.hint
    with pytest.raises(UnknownNameError, match="unknown format"):
        read_source(str(tmp_path), "cocoo")
    with pytest.raises(InputError, match="no such file"):
        read_source(str(tmp_path / "gone.csv"))


def test_colour_is_seen_not_guessed_from_the_file(tmp_path):
    write_folders(tmp_path / "colour", "A/1.png", "B/2.png")
    assert read_source(str(tmp_path / "colour")).colour
    for name in ("A/1.png", "B/2.png"):
        (tmp_path / "grey" / name).parent.mkdir(parents=True)
        PILImage.linear_gradient("L").convert("RGB").save(tmp_path / "grey" / name)
    assert not read_source(str(tmp_path / "grey")).colour


def test_a_preset_is_known_by_the_name_of_its_folder(tmp_path):
    write_voc(tmp_path / "bccd", {"a.jpg": [("RBC", 1, 1, 9, 9)]})
    assert read_source("bccd").licence == "MIT"  # tests run in tmp_path


def test_columns_are_for_tables(tmp_path):
    write_folders(tmp_path / "src", "A/1.png", "B/2.png")
    with pytest.raises(InputError, match="--label-column is for tables, not for folder"):
        read_source(str(tmp_path / "src"), options=ImportOptions(label_column="x"))
