import json

import pytest
from test_datasets.layouts import (
    bbbc041_value,
    coco_value,
    labelme_value,
    voc_text,
    write_bbbc041,
    write_coco,
    write_image,
    write_voc,
)

from medx.core.errors import InputError
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.bbbc041 import import_bbbc041
from medx.datasets.importers.coco import import_coco
from medx.datasets.importers.labelme import import_labelme
from medx.datasets.importers.voc import import_voc
from medx.datasets.manifest import Box

NONE = ImportOptions()
CELL = Box(label="cell", x=3, y=4, width=10, height=12)


def test_every_format_says_the_same_of_the_same_box(tmp_path):
    for name in ("voc", "coco", "labelme", "bbbc041"):
        write_image(tmp_path / name / "images" / "a.png")
    (tmp_path / "voc" / "a.xml").write_text(voc_text("a.png", ("cell", 3, 4, 13, 16)))
    coco = coco_value({"a.png": [("cell", 3.2, 3.9, 9.9, 12)]}, ["cell"])
    (tmp_path / "coco" / "all.json").write_text(json.dumps(coco))
    labelme = labelme_value("a.png", ("cell", "polygon", [[3, 16], [13, 9.5], [8, 4]]))
    (tmp_path / "labelme" / "a.json").write_text(json.dumps(labelme))
    broad = bbbc041_value({"a.png": [("cell", 3, 4, 13, 16)]})
    (tmp_path / "bbbc041" / "x.json").write_text(json.dumps(broad))
    for name, run in (
        ("voc", import_voc), ("coco", import_coco), ("labelme", import_labelme),
        ("bbbc041", import_bbbc041),
    ):  # fmt: skip
        (record,) = run(tmp_path / name, NONE).records
        assert (record.path, record.label, record.boxes) == ("images/a.png", "cell", (CELL,)), name


def test_voc_takes_both_namings_and_the_published_splits(tmp_path):
    boxes = {"a.jpg": [("RBC", 1, 1, 9, 9)], "b.jpg": [("WBC", 1, 1, 9, 9), ("RBC", 2, 2, 8, 8)]}
    write_voc(tmp_path / "one", boxes)
    (tmp_path / "one" / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "one" / "ImageSets" / "Main" / "test.txt").write_text("b\n")
    write_voc(tmp_path / "two", boxes, images="images", xml="annotations")
    one, two = import_voc(tmp_path / "one", NONE), import_voc(tmp_path / "two", NONE)
    assert [(r.label, r.split) for r in one.records] == [("RBC", None), ("RBC|WBC", "test")]
    assert [r.boxes for r in one.records] == [r.boxes for r in two.records]
    assert one.classes == ("RBC", "WBC")


def test_an_image_without_boxes_has_no_label(tmp_path):
    write_voc(tmp_path, {"a.jpg": [], "b.jpg": [("RBC", 1, 1, 9, 9)]})
    assert [r.label for r in import_voc(tmp_path, NONE).records] == [None, "RBC"]


def test_an_entity_bomb_is_refused_and_the_rest_imported(tmp_path):
    write_voc(tmp_path, {"a.jpg": [("RBC", 1, 1, 9, 9)]})
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'
    secret = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>'
    (tmp_path / "Annotations" / "bomb.xml").write_text(bomb)
    (tmp_path / "Annotations" / "secret.xml").write_text(secret)
    imported = import_voc(tmp_path, NONE)
    assert len(imported.records) == 1
    assert [path for path, _ in imported.skipped] == ["bomb.xml", "secret.xml"]


@pytest.mark.parametrize("named", ["../secret.png", "/etc/secret.png", "..\\secret.png"])
def test_no_annotation_reaches_outside_its_root(tmp_path, named):
    write_image(tmp_path / "secret.png")
    root = tmp_path / "data"
    write_image(root / "a.png")
    value = coco_value({"a.png": [("cell", 1, 1, 5, 5)], named: [("cell", 1, 1, 5, 5)]}, ["cell"])
    (root / "all.json").write_text(json.dumps(value))
    imported = import_coco(root, NONE)
    assert [record.path for record in imported.records] == ["a.png"]
    assert imported.skipped == ((named, "no such image"),)


def test_a_name_stands_for_its_image_wherever_it_was_drawn(tmp_path):
    write_image(tmp_path / "pictures" / "a.png")
    for drawn in ("C:\\Users\\someone\\a.png", "/home/someone/a.jpg", "../images/a.png", "a"):
        (tmp_path / "a.json").write_text(json.dumps(labelme_value(drawn)))
        (record,) = import_labelme(tmp_path, NONE).records
        assert record.path == "pictures/a.png"


def test_a_name_that_two_images_have_is_not_guessed(tmp_path):
    for folder in ("x", "y", "z"):
        write_image(tmp_path / folder / ("a.png" if folder != "z" else "b.png"))
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(json.dumps(labelme_value(f"{name}.png")))
    imported = import_labelme(tmp_path, NONE)
    assert imported.skipped == (("a.png", "2 images have this name"),)


def test_images_may_lie_elsewhere(tmp_path):
    path = write_coco(tmp_path / "x", {"a.png": [("cell", 1, 1, 5, 5)]}, ["cell"], "val.json")
    write_image(tmp_path / "elsewhere" / "a.png")
    found = import_coco(path, ImportOptions(images=tmp_path / "elsewhere"))
    assert (found.root, found.records[0].path) == (tmp_path / "elsewhere", "a.png")
    beside = import_coco(path, NONE)
    assert (beside.root, beside.records[0].path) == (tmp_path / "x", "images/a.png")


def test_coco_keeps_category_order_and_reads_the_split_from_the_name(tmp_path):
    write_coco(tmp_path, {"a.png": [("z", 1, 1, 5, 5)]}, ["z", "a"], "instances_train2017.json")
    write_coco(tmp_path, {"b.png": [("a", 1, 1, 5, 5)]}, ["z", "a"], "instances_val.json")
    imported = import_coco(tmp_path, NONE)
    assert imported.classes == ("z", "a")
    assert {r.path: r.split for r in imported.records} == {
        "images/a.png": "train",
        "images/b.png": "val",
    }


def test_what_cannot_be_read_of_an_image_is_listed_and_the_rest_kept(tmp_path):
    value = coco_value({"a.png": [("cell", 1, 1, 5, 5)] * 5}, ["cell"])
    bad = [[1, 2], [1, 2, float("nan"), 4], [1, 2, 1e300, 4], "x"]
    for row, bbox in zip(value["annotations"], bad, strict=False):
        row["bbox"] = bbox
    write_image(tmp_path / "a.png")
    (tmp_path / "all.json").write_text(json.dumps(value))
    imported = import_coco(tmp_path, NONE)
    assert len(imported.records[0].boxes) == 1
    assert len(imported.skipped) == 4


def test_boxes_that_cannot_be_right_are_kept_and_counted(tmp_path):
    boxes = [
        ("cell", 5, 5, 5, 9),
        ("cell", 30, 5, 60, 9),
        ("cell", -3, 5, 4, 9),
        ("cell", 1, 1, 9, 9),
    ]
    write_voc(tmp_path, {"a.jpg": boxes})
    imported = import_voc(tmp_path, NONE)
    assert len(imported.records[0].boxes) == 4
    assert imported.notes == (
        "1 box has no area; kept as given",
        "2 boxes reach outside the image; kept as given",
    )


def test_a_circle_becomes_the_square_around_it(tmp_path):
    write_image(tmp_path / "a.png")
    circle = labelme_value("a.png", ("cell", "circle", [[20, 15], [25, 15]]))
    (tmp_path / "a.json").write_text(json.dumps(circle))
    (record,) = import_labelme(tmp_path, NONE).records
    assert record.boxes == (Box(label="cell", x=15, y=10, width=10, height=10),)


def test_bbbc041_reads_both_files(tmp_path):
    imported = import_bbbc041(write_bbbc041(tmp_path), NONE)
    assert [r.split for r in imported.records].count("train") == 4
    (test,) = [r for r in imported.records if r.split == "test"]
    assert test.path == "malaria/images/e.jpg"
    assert test.boxes[0] == Box(label="gametocyte", x=1, y=2, width=8, height=10)


@pytest.mark.parametrize("run", [import_coco, import_labelme, import_bbbc041])
def test_a_damaged_file_alone_is_an_error(tmp_path, run):
    (tmp_path / "x.json").write_text('{"images": [')
    with pytest.raises(InputError):
        run(tmp_path / "x.json", NONE)


def test_images_that_are_not_there_are_an_error_naming_the_option(tmp_path):
    (tmp_path / "a.xml").write_text(voc_text("a.png", ("cell", 1, 1, 5, 5)))
    with pytest.raises(InputError, match="none of the annotated images") as caught:
        import_voc(tmp_path, NONE)
    assert "--images" in caught.value.hint
