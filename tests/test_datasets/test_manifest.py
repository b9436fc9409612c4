import numpy as np
import pytest
from conftest import write_dataset

from medx.core.errors import DataUnavailableError, InputError, UnknownNameError
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.manifest_files import load_manifest, save_dataset


def test_a_manifest_survives_a_round_trip(tmp_path):
    record = Record(
        id="a", path="a.png", label="nodule", split="val", group="p1", source="B",
        text='says "x", twice\n', boxes=(Box(label="nodule", x=1, y=2, width=3, height=4),),
        extra={"age": "61"},
    )  # fmt: skip
    written = Dataset(
        name="d", records=(record,), classes=("normal", "nodule"), location="", licence="CC0",
        reader=None, synthetic=True,
    )  # fmt: skip
    save_dataset(written, tmp_path)
    read = load_manifest(tmp_path)
    assert read.records == (record,)
    assert (read.name, read.classes, read.licence, read.synthetic) == (
        "d", ("normal", "nodule"), "CC0", True
    )  # fmt: skip


def test_pixels_targets_and_counts(two_class):
    train = load_manifest(two_class).split("train")
    loaded = train.load_pixels(14)
    assert loaded.pixels.shape == (60, 14, 14)
    assert train.targets().tolist() == [0] * 20 + [1] * 40
    assert train.counts() == {"train": {"normal": 20, "pneumonia": 40}}


def test_unreadable_images_are_skipped_and_listed(tmp_path, capfd):
    folder = write_dataset(tmp_path / "d", {"a": 2, "b": 2})
    victim = next((folder / "images").iterdir())
    victim.write_bytes(b"junk")
    loaded = load_manifest(folder).load_pixels(28)
    assert len(loaded.records) == len(loaded.pixels) == 11
    assert [name for name, _ in loaded.skipped] == [victim.stem]
    assert "skipped 1" in capfd.readouterr().err


def test_nothing_readable_is_an_error(tmp_path):
    folder = write_dataset(tmp_path / "d", {"a": 1})
    for path in (folder / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match="no readable image"):
        load_manifest(folder).load_pixels(28)


def test_splits_are_named_or_suggested(two_class):
    dataset = load_manifest(two_class)
    assert dataset.splits == ("train", "val", "test")
    assert len(dataset.split("all", limit=7)) == 7
    with pytest.raises(UnknownNameError) as caught:
        dataset.split("tset")
    assert "did you mean 'test'" in caught.value.hint


def test_several_labels_a_record_are_not_class_indices(tmp_path):
    (tmp_path / "manifest.csv").write_text("id,path,label\nx,x.png,a|b\ny,y.png,a\n")
    (tmp_path / "dataset.yaml").write_text("classes: [a, b]\n")
    with pytest.raises(InputError, match="no single known label"):
        load_manifest(tmp_path).targets()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "at least one row"),
        ("a,b\n1,2\n", "needs the columns"),
        ("id,path\nx,x.png\nx,y.png\n", "repeats the id 'x'"),
        ("id,path,boxes\nx,x.png,{\n", "damaged boxes"),
        ("id,path\nx,\n", "without id or path"),
        ("id,path\nx,../x.png\n", "outside its folder at id 'x'"),
        ("id,path\nx,/etc/x.png\n", "outside its folder at id 'x'"),
        ("id,path\nx,a\\..\\..\\x.png\n", "outside its folder at id 'x'"),
    ],
)
def test_damaged_manifests_are_clear_errors(tmp_path, content, message):
    (tmp_path / "manifest.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        load_manifest(tmp_path)


def test_a_folder_without_manifest_is_no_dataset(tmp_path):
    with pytest.raises(DataUnavailableError, match="no manifest"):
        load_manifest(tmp_path)


def test_colour_datasets_load_as_colour(tmp_path):
    folder = write_dataset(tmp_path / "d", {"a": 2})
    with (folder / "dataset.yaml").open("a") as stream:
        stream.write("colour: true\n")
    text = (folder / "dataset.yaml").read_text().replace("colour: false\n", "")
    (folder / "dataset.yaml").write_text(text)
    pixels = load_manifest(folder).load_pixels(28).pixels
    assert pixels.shape == (6, 28, 28, 3)
    assert np.array_equal(pixels[..., 0], pixels[..., 1])


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (b"classes: abc\n", "classes as a list"),
        (b"classes: {a: 0, b: 1}\n", "classes as a list"),
        (b"classes: [yes, no]\n", "no name: True"),
        (b"classes: [a, [b]]\n", "no name: \\['b'\\]"),
        (b"classes: [1, '1']\n", "repeats the class '1'"),
        (b"name: caf\xe9\n", "is not YAML"),
    ],
)
def test_a_damaged_description_is_a_clear_error(tmp_path, about, message):
    (tmp_path / "manifest.csv").write_text("id,path,label\nx,x.png,a\n")
    (tmp_path / "dataset.yaml").write_bytes(about)
    with pytest.raises(InputError, match=message):
        load_manifest(tmp_path)


def test_numbers_name_classes_and_a_byte_order_mark_is_no_column(tmp_path):
    (tmp_path / "manifest.csv").write_text("id,path,label\nx,x.png,1\n", encoding="utf-8-sig")
    (tmp_path / "dataset.yaml").write_text("classes: [0, 1]\n")
    dataset = load_manifest(tmp_path)
    assert dataset.classes == ("0", "1")
    assert dataset.targets().tolist() == [1]
