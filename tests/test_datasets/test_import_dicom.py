import csv
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_core.image_seeds import deflate
from test_datasets.dicom_files import identifying, leaks, write_dicom

from medx.core import limits
from medx.core.errors import InputError
from medx.core.images import read_image
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.dicom import import_dicom
from medx.datasets.importers.dicom_records import age_in_years
from medx.datasets.manifest_files import load_manifest


@pytest.fixture
def tree(tmp_path):
    """Four films of two patients at two places, a clip, and what is no image."""
    folder = tmp_path / "export"
    for i in range(2):
        write_dicom(folder / "a" / f"IM{i}")
    other = {"PatientID": "INVENTED-88", "InstitutionName": "Clinic of Utopia"}
    for i in range(2):
        write_dicom(folder / "b" / f"IM{i}.dcm", PatientAge="093Y", **other)
    write_dicom(
        folder / "b" / "clip.dcm", np.zeros((3, 6, 4), np.uint8), PatientAge="093Y", **other
    )
    shutil.copy(folder / "a" / "IM0", folder / "a" / "IM0-again")
    for kind in ("SR", "PR", "RTSTRUCT"):
        write_dicom(folder / kind, Modality=kind, PixelData=None, Rows=None, Columns=None)
    (folder / "readme.txt").write_text("nothing")
    return folder


def import_tree(cli, tree, output, *options):
    return cli("data", "import", tree, "--format", "dicom", "--output", output, "--json", *options)


def test_a_tree_becomes_groups_sources_and_columns(cli, tree, tmp_path):
    summary = import_tree(cli, tree, tmp_path / "d").json
    assert (summary["images"], summary["groups"], len(summary["sources"])) == (7, 2, 2)
    assert (
        "left out: 1 PR, 1 RTSTRUCT, 1 SR, 1 copy of an image already found, 1 not DICOM"
        in (summary["notes"])
    )
    dataset = load_manifest(tmp_path / "d")
    assert dataset.modality == "chest X-ray"
    record = next(r for r in dataset.records if r.path == "a/IM0")
    assert record.extra | {"study": "", "series": "", "station": ""} == {
        "modality": "DX", "view": "PA", "laterality": "U", "body_part": "CHEST", "age": "61",
        "manufacturer": "Acme Imaging", "model": "Ray 3", "study": "", "series": "", "station": "",
        "instance_number": "7", "frames": "1", "photometric": "MONOCHROME2", "rows": "24",
        "columns": "20", "sex": "F",
    }  # fmt: skip
    assert record.source.startswith("Acme Imaging Ray 3 ")
    assert {r.extra["age"] for r in dataset.records if r.path.startswith("b/")} == {"90+"}
    clip = [r for r in dataset.records if "clip" in r.path]
    assert [r.path for r in clip] == [f"b/clip.dcm#frame={i}" for i in range(3)]
    assert dataset.read(clip[2]).native_size == (6, 4)


@pytest.mark.parametrize("options", [(), ("--copy",)])
def test_nothing_written_names_anybody(cli, tree, tmp_path, options):
    result = import_tree(cli, tree, tmp_path / "d", *options)
    texts = identifying(tree)
    assert leaks(texts, tree)
    assert leaks(texts, tmp_path / "d", result.stdout, result.stderr) == set()


def test_copies_show_the_same_pictures_under_hashed_names(cli, tree, tmp_path):
    import_tree(cli, tree, tmp_path / "there")
    import_tree(cli, tree, tmp_path / "here", "--copy")
    there, here = load_manifest(tmp_path / "there"), load_manifest(tmp_path / "here")
    assert [r.id for r in there.records] == [r.id for r in here.records]
    for one, other in zip(there.records, here.records, strict=True):
        assert np.array_equal(there.read(one).pixels, here.read(other).pixels)
        assert other.path.startswith(f"images/{other.id.split('-')[0]}")
        assert one.group == other.group


def test_groups_hold_across_imports_and_change_with_the_key(cli, tree, tmp_path, monkeypatch):
    groups = []
    for i, key in enumerate((None, None, "another key for pseudonyms")):
        if key:
            monkeypatch.setenv("MEDX_PSEUDONYM_KEY", key)
        import_tree(cli, tree, tmp_path / f"d{i}")
        groups.append({record.group for record in load_manifest(tmp_path / f"d{i}").records})
    assert groups[0] == groups[1]
    assert groups[0].isdisjoint(groups[2])


@pytest.mark.parametrize("place", ["Quillonia/1.dcm", "p/inventED-77123-2.dcm"])
def test_paths_that_name_the_patient_are_only_copied(cli, tmp_path, place):
    tree = tmp_path / "export"
    write_dicom(tree / place)
    (tree / "zzyzxia.dcm").write_bytes(b"\0" * 128 + b"DICM, but damaged")
    refused = import_tree(cli, tree, tmp_path / "d")
    assert refused.exit_code == 1
    assert "UID of their own patient" in refused.stderr
    assert "--copy" in refused.stderr
    assert not (tmp_path / "d").exists()
    result = import_tree(cli, tree, tmp_path / "d", "--copy")
    assert result.exit_code == 0, result.stderr
    assert leaks(identifying(tree), tmp_path / "d", result.stdout, result.stderr) == set()


def test_a_folder_named_after_its_patient_is_no_dataset_name(cli, tmp_path):
    write_dicom(tmp_path / "QUILLONIA Z" / "1.dcm")
    assert import_tree(cli, tmp_path / "QUILLONIA Z", tmp_path / "d").exit_code == 1
    summary = import_tree(cli, tmp_path / "QUILLONIA Z", tmp_path / "d", "--copy").json
    assert summary["name"] == "dicom"


def test_a_text_file_that_is_called_dcm_is_no_dicom_file(cli, tmp_path):
    write_dicom(tmp_path / "in" / "a.dcm")
    (tmp_path / "in" / "note.dcm").write_text("nothing")
    summary = import_tree(cli, tmp_path / "in", tmp_path / "d").json
    assert [(row["path"], "no DICOM file" in row["reason"]) for row in summary["skipped"]] == [
        ("note.dcm", True)
    ]
    assert "no image has a label: --labels takes a sheet of them" in summary["notes"]


def test_a_broken_copy_does_not_stand_in_for_the_whole_file(cli, tmp_path):
    write_dicom(tmp_path / "in" / "b.dcm", np.zeros((64, 64), np.uint8))
    whole = (tmp_path / "in" / "b.dcm").read_bytes()
    (tmp_path / "in" / "a.dcm").write_bytes(whole[:-1000])
    (tmp_path / "in" / "c.dcm").write_bytes(whole[:-2000])
    import_tree(cli, tmp_path / "in", tmp_path / "d")
    assert [r.path for r in load_manifest(tmp_path / "d").records] == ["b.dcm"]


def test_deflated_files_are_read_and_bombs_are_not(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INFLATED", 1 << 20)
    for name, private in (("a", b""), ("b", bytes(20 << 20))):
        dataset = write_dicom(tmp_path / "tree" / f"{name}.dcm")
        dataset.add_new(0x00091001, "OB", private)
        (tmp_path / "tree" / f"{name}.dcm").write_bytes(deflate(dataset))
    result = import_tree(cli, tmp_path / "tree", tmp_path / "d", "--copy").json
    assert [skipped["path"] for skipped in result["skipped"]] == ["b.dcm"]
    assert len(load_manifest(tmp_path / "d").records) == 1
    copied = read_image(next((tmp_path / "d" / "images").iterdir()))
    assert np.array_equal(copied.pixels, read_image(tmp_path / "tree" / "a.dcm").pixels)


def test_damaged_files_are_skipped_and_listed(cli, tmp_path):
    whole = tmp_path / "t" / "a.dcm"
    write_dicom(whole)
    write_dicom(tmp_path / "t" / "many.dcm", NumberOfFrames=10**8)
    (tmp_path / "t" / "b.dcm").write_bytes(b"no DICOM at all")
    (tmp_path / "t" / "c.dcm").write_bytes(whole.read_bytes()[:300])
    summary = import_tree(cli, tmp_path / "t", tmp_path / "d").json
    assert summary["images"] == 1
    assert {row["path"] for row in summary["skipped"]} <= {"b.dcm", "c.dcm", "many.dcm"}
    with (tmp_path / "d" / "skipped.csv").open() as stream:
        assert {"b.dcm", "many.dcm"} <= {row["path"] for row in csv.DictReader(stream)}


MUTATION = st.lists(
    st.tuples(st.integers(132, 1200), st.binary(min_size=1, max_size=8)), max_size=5
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutation=MUTATION, cut=st.integers(132, 3000))
def test_a_damaged_file_ends_in_a_record_or_a_reason(tmp_path_factory, mutation, cut):
    folder = tmp_path_factory.mktemp("fuzz")
    write_dicom(folder / "a.dcm")
    content = bytearray((folder / "a.dcm").read_bytes())
    for at, new in mutation:
        content[at : at + len(new)] = new
    (folder / "a.dcm").write_bytes(content[:cut])
    write_dicom(folder / "good.dcm")
    imported = import_dicom(folder, ImportOptions())
    assert any(record.path == "good.dcm" for record in imported.records)
    with suppress(InputError):
        imported.copier.copy(folder / "a.dcm", folder / "copy.dcm")
        read_image(folder / "copy.dcm")


def test_files_without_a_suffix_are_recognised(cli, tmp_path):
    write_dicom(tmp_path / "t" / "x" / "IM0001")
    result = cli("data", "import", tmp_path / "t", "--output", tmp_path / "d", "--json")
    assert result.json["images"] == 1
    assert "DICOM files without a suffix" in result.stderr


def test_a_patient_id_everybody_has_is_pointed_out(cli, tmp_path):
    for i in range(3):
        write_dicom(tmp_path / "t" / f"{i}.dcm", PatientID="ANONYMOUS")
    result = import_tree(cli, tmp_path / "t", tmp_path / "d")
    assert "all 3 studies have the same patient id" in " ".join(result.json["notes"])


def test_without_a_patient_the_study_is_the_group(cli, tmp_path):
    for i in range(2):
        write_dicom(tmp_path / "t" / f"{i}.dcm", PatientID=None, PatientName=None)
    summary = import_tree(cli, tmp_path / "t", tmp_path / "d").json
    assert summary["groups"] == 2
    assert "2 files name no patient: their group is the study" in summary["notes"]


def test_text_burnt_into_the_pixels_is_marked(cli, tmp_path):
    write_dicom(tmp_path / "t" / "a.dcm", BurnedInAnnotation="YES")
    secondary = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "BurnedInAnnotation": None}
    write_dicom(tmp_path / "t" / "b.dcm", **secondary)
    summary = import_tree(cli, tmp_path / "t", tmp_path / "d").json
    marks = {r.path: r.extra["burned_in"] for r in load_manifest(tmp_path / "d").records}
    assert marks == {"a.dcm": "declared", "b.dcm": "possible"}
    assert sum("burnt into the pixels" in note for note in summary["notes"]) == 2


def test_a_tree_without_images_says_what_it_holds(cli, tmp_path):
    write_dicom(tmp_path / "t" / "a", Modality="SR", PixelData=None, Rows=None, Columns=None)
    result = import_tree(cli, tmp_path / "t", tmp_path / "d")
    assert result.exit_code == 1
    assert "left out: 1 SR" in result.stderr


@pytest.mark.parametrize(
    ("head", "key", "counts"),
    [
        ("PatientID,label\nINVENTED-77123,ill\nINVENTED-88,well", (), {"ill": 2, "well": 4}),
        (
            "PatientID,label\nINVENTED-77123,cold\nINVENTED-88,no cold",
            (),
            {"cold": 2, "no cold": 4},
        ),
        ("file;Diagnosis\na/IM1;ill\nclip;well", (), {"ill": 1, "well": 3, "-": 2}),
        ("patient_id,file,class\nINVENTED-88,b/IM1,x", ("--label-key", "file"), {"x": 1, "-": 5}),
    ],
)
def test_labels_come_from_a_sheet(cli, tree, tmp_path, head, key, counts):
    (tmp_path / "labels.csv").write_text(head + "\n")
    (tree / "b" / "IM0.dcm").unlink()
    summary = import_tree(
        cli, tree, tmp_path / "d", "--labels", tmp_path / "labels.csv", *key
    ).json  # fmt: skip
    assert summary["counts"] == {"-": counts}
    assert summary["classes"] == sorted(
        set(counts) - {"-"}, key=lambda name: ("no " not in name, name)
    )


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ("PatientID,label\nnobody,ill", "labels none of the 7 images by PatientID"),
        ("PatientID,label\nINVENTED-88,ill\nINVENTED-88,well", "two labels, the second in row 3"),
        ("file,label\nIM0,ill", "a file name that several files have"),
        ("who,label\nx,ill", "no column to join by"),
        ("PatientID,says\nx,ill", "no column of labels"),
    ],
)
def test_sheets_that_do_not_fit(cli, tree, tmp_path, sheet, message):
    (tmp_path / "labels.csv").write_text(sheet + "\n")
    result = import_tree(cli, tree, tmp_path / "d", "--labels", tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert message in result.stderr
    assert "INVENTED" not in result.stderr


@pytest.mark.parametrize(
    ("age", "years"),
    [("061Y", "61"), ("62", "62"), ("089Y", "89"), ("090Y", "90+"), ("018M", "1"), ("003W", "0"),
     ("100D", "0"), ("", ""), ("old", "")],
)  # fmt: skip
def test_ages(age, years):
    assert age_in_years(age) == years
