import pytest
from test_datasets.dicom_files import identifying, leaks, write_dicom
from test_datasets.layouts import write_image

from medx.datasets.manifest_files import load_manifest


def import_as(cli, kind, source, *options):
    return cli("data", "import", source, "--format", kind, "--output", "d", "--json", *options)


@pytest.mark.parametrize(
    "path", ["in/normal/Wexelbart.dcm", "in/normal/i-77123/inventED77123.dcm", "Quillonia/n/1.dcm"]
)
@pytest.mark.parametrize("options", [(), ("--copy",)])
def test_a_folder_that_names_the_patient_is_refused(cli, tmp_path, path, options):
    source = tmp_path / path.split("/")[0]
    write_dicom(tmp_path / path)
    write_image(source / "other" / "1.png")
    result = import_as(cli, "folder", source, *options)
    assert result.exit_code == 1
    assert "id or a UID of their own patient" in result.stderr
    assert "--format dicom --copy" in result.stderr
    assert not (tmp_path / "d").exists()
    assert leaks(identifying(source), result.stdout, result.stderr) == set()


@pytest.mark.parametrize("suffix", [".dcm", "", ".ima"])
def test_a_table_that_names_the_patient_is_refused(cli, tmp_path, suffix):
    dataset = write_dicom(tmp_path / "in" / "x")
    name = f"{dataset.SOPInstanceUID}{suffix}"
    (tmp_path / "in" / "x").rename(tmp_path / "in" / name)
    (tmp_path / "in" / "labels.csv").write_text(f"path,label\n{name},normal\n")
    result = import_as(cli, "table", tmp_path / "in" / "labels.csv")
    assert result.exit_code == 1
    assert "1 DICOM file " in result.stderr
    assert leaks(identifying(tmp_path / "in"), result.stdout, result.stderr) == set()


def test_files_that_name_nobody_come_in_and_what_they_hold_inside_is_said(cli, tmp_path):
    for label in ("normal", "ill"):
        write_dicom(tmp_path / "in" / label / "1.dcm")
    write_dicom(tmp_path / "in" / "ill" / "2.dcm", PatientIdentityRemoved="YES")
    write_image(tmp_path / "in" / "ill" / "3.png")
    summary = import_as(cli, "folder", tmp_path / "in").json
    assert len(load_manifest(tmp_path / "d").records) == 4
    assert [note for note in summary["notes"] if "2 DICOM files name their patient" in note]


def test_damaged_files_are_left_to_the_reader(cli, tmp_path):
    write_dicom(tmp_path / "in" / "a" / "1.dcm")
    (tmp_path / "in" / "b").mkdir()
    (tmp_path / "in" / "b" / "2.dcm").write_bytes(b"\0" * 128 + b"DICM, but damaged")
    (tmp_path / "in" / "b" / "3.dcm").write_bytes(b"")
    assert import_as(cli, "folder", tmp_path / "in").json["images"] == 3
