import pytest
from test_datasets.dicom_files import write_dicom
from test_datasets.layouts import write_folders, write_image

from medx.core.errors import InputError
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.folder import import_folder, label_by_folder

NONE = ImportOptions()


def by_path(imported):
    return {record.path: record for record in imported.records}


def test_the_folder_is_the_class(tmp_path):
    write_folders(tmp_path, "normal/a.png", "normal/b.jpg", "pneumonia/c.png")
    imported = import_folder(tmp_path, NONE)
    assert imported.classes == ("normal", "pneumonia")
    assert {p: (r.label, r.split, r.id) for p, r in by_path(imported).items()} == {
        "normal/a.png": ("normal", None, "a"),
        "normal/b.jpg": ("normal", None, "b"),
        "pneumonia/c.png": ("pneumonia", None, "c"),
    }


@pytest.mark.parametrize(
    ("spelled", "split"),
    [("train", "train"), ("Training", "train"), ("valid", "val"), ("validation", "val"),
     ("VAL", "val"), ("test", "test"), ("testing", "test")],
)  # fmt: skip
def test_splits_are_read_however_they_are_spelled(spelled, split):
    (record,) = label_by_folder([f"{spelled}/NORMAL/a.png"])
    assert (record.label, record.split) == ("NORMAL", split)


def test_a_wrapper_around_everything_is_no_class(tmp_path):
    write_folders(tmp_path, "archive/data/A/1.png", "archive/data/B/2.png")
    assert import_folder(tmp_path, NONE).classes == ("A", "B")


def test_the_class_is_the_first_folder_not_the_last():
    records = label_by_folder(["A/patient1/1.png", "B/patient2/2.png"])
    assert [record.label for record in records] == ["A", "B"]


def test_the_split_may_stand_below_the_class():
    records = label_by_folder(["A/train/1.png", "B/test/2.png"])
    assert [(r.label, r.split) for r in records] == [("A", "train"), ("B", "test")]


def test_a_second_copy_beside_the_splits_is_left_out(tmp_path):
    write_folders(tmp_path, "train/A/1.png", "test/B/2.png", "again/train/A/1.png")
    imported = import_folder(tmp_path, NONE)
    assert sorted(by_path(imported)) == ["test/B/2.png", "train/A/1.png"]
    assert imported.skipped == (("again/train/A/1.png", "in no class folder"),)


def test_hidden_and_foreign_files_are_not_images(tmp_path):
    write_folders(tmp_path, "A/1.png", "B/2.png", ".cache/A/3.png", "__MACOSX/A/4.png", "A/._1.png")
    (tmp_path / "A" / "notes.txt").write_text("x")
    assert sorted(by_path(import_folder(tmp_path, NONE))) == ["A/1.png", "B/2.png"]


def test_dicom_without_a_suffix_is_an_image(tmp_path):
    write_folders(tmp_path, "A/1.png", "B/2.png")
    for name in ("A/IM0001", "B/1.2.840.99", "DICOMDIR"):
        write_dicom(tmp_path / name)
    (tmp_path / "A" / "notes").write_text("no image")
    found = import_folder(tmp_path, ImportOptions()).records
    assert {(record.path, record.label) for record in found} == {
        ("A/1.png", "A"), ("A/IM0001", "A"), ("B/2.png", "B"), ("B/1.2.840.99", "B"),
    }  # fmt: skip


def test_equal_names_get_ids_that_differ(tmp_path):
    write_folders(tmp_path, "A/1.png", "B/1.png")
    assert [r.id for r in import_folder(tmp_path, NONE).records] == ["A/1", "B/1"]
    write_image(tmp_path / "A" / "1.jpg")
    assert len({r.id for r in import_folder(tmp_path, NONE).records}) == 3


def test_names_a_manifest_cannot_hold_are_skipped_with_the_reason(tmp_path):
    write_folders(tmp_path, "A/1.png", "B/2.png", "A/a:b.png", "A/c\\d.png")
    imported = import_folder(tmp_path, NONE)
    assert len(imported.records) == 2
    assert all("rename it" in reason for _, reason in imported.skipped)
    assert len(imported.skipped) == 2


def test_a_flat_folder_names_the_layout(tmp_path):
    write_folders(tmp_path, "1.png")
    with pytest.raises(InputError, match="no folder") as caught:
        import_folder(tmp_path, NONE)
    assert "CLASS/image.png" in caught.value.hint
