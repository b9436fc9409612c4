import pyarrow
import pytest
from openpyxl import Workbook
from pyarrow import parquet
from test_datasets.layouts import write_image

from medx.core.errors import InputError, UnknownNameError
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.sheets import read_sheet
from medx.datasets.importers.table import import_table

ROWS = "Image Index,Finding Labels,Patient ID,site,fold,Split\n"


@pytest.fixture
def table(tmp_path):
    for name in "abc":
        write_image(tmp_path / "images" / f"{name}.png")
    path = tmp_path / "labels.csv"
    path.write_text(
        ROWS
        + "images/a.png,Mass|Nodule,17,north,0,training\n"
        + "images/b.png,No Finding,17,south,1,valid\n"
        + "images/c.png,Mass,18,south,,test\n"
    )
    return path


def test_usual_columns_are_found(table):
    imported = import_table(table, ImportOptions())
    assert [r.label for r in imported.records] == ["Mass|Nodule", "No Finding", "Mass"]
    assert [r.split for r in imported.records] == ["train", "val", "test"]
    assert [r.source for r in imported.records] == ["north", "south", "south"]
    assert imported.records[0].extra == {"fold": "0"}
    assert imported.classes == ("Mass", "No Finding", "Nodule")
    assert "label from 'Finding Labels'" in imported.notes[0]


def test_patients_become_keyed_hashes_and_names_are_left_out(tmp_path, table, monkeypatch):
    table.write_text("path,patient_id,patient_name,Birth Date\nimages/a.png,MRN-17,Doe,1970\n")
    imported = import_table(table, ImportOptions())
    assert "MRN-17" not in str(imported.records)
    assert "Doe" not in str(imported.records)
    assert "patient_name, Birth Date" in imported.notes[1]
    group = imported.records[0].group
    monkeypatch.setenv("MEDX_PSEUDONYM_KEY", "another secret key")
    assert import_table(table, ImportOptions()).records[0].group != group


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path):
    cells = [("path", "label"), ("a.png", "x"), ("", ""), ("b.png", "y"), (), ("c.png", "z")]
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, cells)))
    book = Workbook()
    for row, line in enumerate(cells, start=1):
        for column, word in enumerate(line, start=1):
            book.worksheets[0].cell(row, column, word or None)
    book.save(tmp_path / "t.xlsx")
    for name in ("t.csv", "t.xlsx"):
        columns, rows = read_sheet(tmp_path / name)
        assert columns == ["path", "label"]
        assert {n: row["path"] for n, row in rows.items()} == {2: "a.png", 4: "b.png", 6: "c.png"}


def test_a_group_that_is_no_person_stays_readable(table):
    table.write_text("path,group\nimages/a.png,slide 7\n")
    assert import_table(table, ImportOptions()).records[0].group == "slide 7"


def test_columns_can_be_named(table):
    options = ImportOptions(label_column="site", source_column="fold", split_column="Split")
    imported = import_table(table, options)
    assert [r.label for r in imported.records] == ["north", "south", "south"]
    assert [r.source for r in imported.records] == ["0", "1", None]


def test_a_column_that_is_not_there_gets_near_names(table):
    with pytest.raises(UnknownNameError) as caught:
        import_table(table, ImportOptions(label_column="Finding Label"))
    assert "did you mean 'Finding Labels'" in caught.value.hint


def test_a_table_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(InputError, match="no such table"):
        read_sheet(tmp_path / "gone.csv")


def test_without_a_path_column_the_option_is_named(table):
    table.write_text("what,else\n1,2\n")
    with pytest.raises(InputError) as caught:
        import_table(table, ImportOptions())
    assert "--path-column" in caught.value.hint


@pytest.mark.parametrize("kind", ["tsv", "semicolon", "parquet", "xlsx", "bom"])
def test_other_tables_say_the_same(tmp_path, table, kind):
    expected = import_table(table, ImportOptions())
    lines = [line.split(",") for line in table.read_text().splitlines()]
    path = tmp_path / f"labels.{kind if kind in ('tsv', 'parquet', 'xlsx') else 'csv'}"
    if kind == "parquet":
        columns = {c[0]: [v or None for v in c[1:]] for c in zip(*lines, strict=True)}
        parquet.write_table(pyarrow.table(columns), path)
    elif kind == "xlsx":
        workbook = Workbook()
        for line in lines:
            workbook.active.append(line)
        workbook.save(path)
    else:
        between = {"tsv": "\t", "semicolon": ";", "bom": ","}[kind]
        text = "\n".join(between.join(line) for line in lines)
        path.write_text(text, encoding="utf-8-sig" if kind == "bom" else "utf-8")
    assert import_table(path, ImportOptions()).records == expected.records


def test_absent_images_repeats_and_escapes_are_skipped_with_their_row(tmp_path, table):
    write_image(tmp_path.parent / "outside.png")
    table.write_text(
        "path,label\nimages/a.png,x\nimages/gone.png,x\n../outside.png,x\nimages/a.png,y\n,z\n"
        f"{tmp_path / 'images' / 'b.png'},x\n"
    )
    imported = import_table(table, ImportOptions())
    assert [r.path for r in imported.records] == ["images/a.png", "images/b.png"]
    assert [reason for _, reason in imported.skipped] == [
        "row 3: no such image",
        "row 4: no such image",
        "row 5: image named before",
        "row 6: no path",
    ]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("well/1.png", None),
        ("ill/1.png", "ill/1.png"),
        ("/another/machine/ill/1.png", "ill/1.png"),
        ("/another/machine/well/1.png", None),
        ("D:\\study\\1.png", "ill/1.png"),
        ("images/ill/1", "ill/1.png"),
        ("well/2.png", "well/2.png"),
        ("images/well/2.png", "well/2.png"),
        ("anywhere/3.png", "3.png"),
        ("2.png", None),
    ],
)
def test_an_image_of_another_folder_does_not_stand_in(tmp_path, named, found):
    for path in ("ill/1.png", "ill/2.png", "well/2.png", "well/4.png", "3.png"):
        write_image(tmp_path / "images" / path)
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label\nwell/4.png,well\n{named},x\n")
    imported = import_table(table, ImportOptions(images=tmp_path / "images"))
    assert [r.path for r in imported.records[1:]] == ([found] if found else [])
    assert len(imported.skipped) == (not found)


def test_names_without_extension_are_found_below_the_image_folder(tmp_path, table):
    table.write_text("image_id,label\na,x\nb,y\n")
    imported = import_table(table, ImportOptions(images=tmp_path / "images"))
    assert [r.path for r in imported.records] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no rows"), (b"path\n", "no rows"), (b"path,path\na,b\n", "repeats"),
     (b"path\n\xff\xfe\n", "not UTF-8")],
)  # fmt: skip
def test_a_damaged_table_is_one_clear_error(table, content, said):
    table.write_bytes(content)
    with pytest.raises(InputError, match=said):
        import_table(table, ImportOptions())
