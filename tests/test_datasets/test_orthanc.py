import json
import shutil

import numpy as np
import pytest
from conftest import REAL_DATA
from orthanc import beside_orthanc, why_not
from test_datasets.dicom_files import identifying, leaks, write_dicom

from medx.core.images import read_image
from medx.datasets.manifest_files import load_manifest

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))


@pytest.fixture
def inbox(tmp_path):
    """Films of two patients, a clip of three frames, a report and, where it is, a real film."""
    folder = tmp_path / "inbox"
    for i in range(3):
        write_dicom(folder / f"{i}.dcm")
    write_dicom(folder / "other.dcm", PatientID="INVENTED-88", InstitutionName="Clinic of Utopia")
    write_dicom(folder / "clip.dcm", np.arange(3 * 6 * 4, dtype=np.uint8).reshape(3, 6, 4))
    write_dicom(folder / "report.dcm", Modality="SR", PixelData=None, Rows=None, Columns=None)
    if REAL_DATA:
        shutil.copy(REAL_DATA / "cxr" / "rsna_portable_chest.dcm", folder / "real.dcm")
    return folder


def test_the_round_trip_through_orthanc_names_nobody(cli, tmp_path, inbox, two_class):
    films = 6 if REAL_DATA else 5
    command = ["data", "import", "--dicomweb", "URL", "--output", "chest", "--json"]
    first, second, third = beside_orthanc(
        tmp_path / "orthanc", inbox, [[*command, "--limit", "2"], command, command]
    )
    assert [r["exit_code"] for r in (first, second, third)] == [0, 0, 0], second["stderr"]
    assert "2 image files are here already" in second["stderr"]
    assert f"{films} image files are here already" in third["stderr"]
    summary = json.loads(third["stdout"])
    assert summary["images"] == films + 2  # the clip has three
    assert summary["groups"] == (3 if REAL_DATA else 2)
    assert "left out: 1 SR" in summary["notes"]

    trained = cli(
        "classify", "train", "--dataset", two_class, "--epochs", 1, "--size", 16, "--device", "cpu",
        "--name", "tiny",
    )  # fmt: skip
    assert trained.exit_code == 0, trained.stderr
    run = tmp_path / "output" / "classify" / "train" / "tiny"
    said = cli(
        "classify", "predict", "--run", run, "--dataset", "chest", "--split", "all", "--json"
    )
    assert said.exit_code == 0, said.stderr
    assert len(said.json["predictions"]) == films + 2

    texts = identifying(inbox)
    assert len(texts) > 30
    assert leaks(texts, inbox)  # the search finds them where they are
    places = [p for p in tmp_path.iterdir() if p.is_dir() and p.name not in {"inbox", "orthanc"}]
    outputs = [r[stream] for r in (first, second, third) for stream in ("stdout", "stderr")]
    assert leaks(texts, *places, *outputs, said.stdout, said.stderr) == set()


def test_pixels_survive_the_round_trip(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 4096, (30, 40), np.uint16)
    write_dicom(tmp_path / "inbox" / "a", pixels, PhotometricInterpretation="MONOCHROME1")
    write_dicom(tmp_path / "inbox" / "b", Modality="CR")
    command = ["data", "import", "--dicomweb", "URL", "--output", "d", "--modality", "DX"]
    (result,) = beside_orthanc(tmp_path / "orthanc", tmp_path / "inbox", [command])
    assert result["exit_code"] == 0, result["stderr"]
    (record,) = load_manifest(tmp_path / "d").records
    copied = read_image(tmp_path / "d" / record.path)
    original = read_image(tmp_path / "inbox" / "a")
    assert np.array_equal(copied.pixels, original.pixels)
    assert copied.spacing == original.spacing == (0.2, 0.3)
