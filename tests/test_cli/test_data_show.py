from pathlib import Path

from conftest import write_dataset
from PIL import Image as PILImage


def test_show_writes_a_picture_and_prints_where(cli, three_class):
    result = cli("data", "show", three_class, "--count", 3)
    assert result.exit_code == 0, result.stderr
    path = Path("output/data/show/three.png")
    assert str(path) in result.stdout
    assert "three (synthetic): 135 images by label" in result.stdout
    with PILImage.open(path) as image:
        assert image.format == "PNG"


def test_show_says_the_same_in_json(cli, three_class):
    args = ("--by", "split", "--split", "val", "--count", 2, "--output", "s.html", "--json")
    shown = cli("data", "show", three_class, *args).json
    assert shown["path"] == "s.html"
    assert [(row["name"], row["records"]) for row in shown["rows"]] == [("val", 45)]
    text = Path("s.html").read_text()
    assert all(name in text for name in shown["rows"][0]["shown"])


def test_show_of_the_real_images(cli, real_data):
    args = ("--data-dir", real_data, "--count", 2, "--json")
    rows = cli("data", "show", "pneumoniamnist", *args).json["rows"]
    assert {row["name"]: row["records"] for row in rows} == {"normal": 1583, "pneumonia": 4273}


def test_show_refuses_what_it_cannot_do_in_one_line(cli, three_class):
    refused = cli("data", "show", three_class, "--output", "sheet.pdf")
    assert (refused.exit_code, Path("sheet.pdf").exists()) == (1, False)
    assert ".png or .html" in refused.stderr
    assert "did you mean 'val'" in cli("data", "show", three_class, "--split", "vall").stderr
    assert cli("data", "show", three_class, "--by", "colour").exit_code == 2
    assert cli("data", "show", three_class, "--count", 0).exit_code == 2


def test_show_lists_what_it_could_not_read(cli, tmp_path):
    folder = write_dataset(tmp_path / "d", {"a": 3})
    victim = next((folder / "images").iterdir())
    victim.write_bytes(b"junk")
    result = cli("data", "show", folder, "--count", 9, "--json")
    assert result.exit_code == 0
    assert [*result.json["unreadable"]] == [victim.stem]
    assert "skipped 1" in result.stderr
