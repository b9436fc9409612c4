import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as PILImage
from test_datasets.dicom_files import identifying, leaks, write_dicom

from classify.config import TrainConfig
from classify.training.train import train
from medx.core.registry import Entry
from medx.datasets.catalog import load_dataset
from reportgen.engines import ENGINES
from retrieval.build import build_index
from retrieval.encoders.compact import CompactEncoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.milvus.catalog import close_catalogs
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.store import write_gallery


@pytest.fixture(scope="module")
def made(two_class, tmp_path_factory):
    """Return the options that name a classifier and an index of two classes."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "run").mkdir()
    dataset = load_dataset(str(two_class))
    train(TrainConfig(epochs=1, dataset=str(two_class)), folder / "run", dataset)
    build_index(dataset, CompactEncoder(), folder / "two")
    return (
        "--dataset", two_class, "--run", folder / "run", "--index", folder / "two",
        "--engine", "mock",
    )  # fmt: skip


@pytest.fixture
def picture(two_class):
    return next((two_class / "images").glob("test-pneumonia-*.png"))


@pytest.fixture
def scan(picture, tmp_path):
    """A DICOM file of a film of an invented patient, in a folder and under a name that tell."""
    path = tmp_path / "Wexelbart" / "Zzyzxia.dcm"
    write_dicom(path, np.asarray(PILImage.open(picture)))
    return path


def test_a_case_prints_what_matters_and_where_the_page_is(cli, made, picture):
    done = cli("case", picture, *made, "--name", "first")
    assert done.exit_code == 0, done.stderr
    page = Path("output/case/study/first/case.html")
    assert page.is_file()
    for said in (
        "MOCK REPORT", "SYNTHETIC", "calibrated probability", "is called from", "at 95 %",
        "training images", "of 5 cases", "impression", "agreement", "case.html",
        "Research use only, not for clinical use.",
    ):  # fmt: skip
        assert said in done.stdout, said
    again = cli("case", picture, *made, "--name", "first")
    assert again.exit_code == 1
    assert "already holds a run" in again.stderr


def test_no_file_of_a_dicom_case_names_the_patient_but_what_goes_back_to_the_study(
    cli, made, scan, tmp_path
):
    done = cli("case", scan, *made, "--output", tmp_path / "bundle", "--format", "fhir", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.json["image_id"] == "image-1"
    assert done.json["run_dir"] == str(tmp_path / "bundle")
    found = leaks(identifying(scan.parent), tmp_path / "bundle", done.stdout, done.stderr)
    assert found == set()
    done = cli(
        "case", scan, *made, "--output", tmp_path / "sr", "--format", "dicom-sr", "--format", "html"
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    written = pydicom.dcmread(tmp_path / "sr" / "report.sr.dcm")
    assert written.StudyInstanceUID == pydicom.dcmread(scan).StudyInstanceUID
    assert (tmp_path / "sr" / "report.html").is_file()


def test_an_unlike_image_is_shown_flagged_and_not_reported(cli, made, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    PILImage.fromarray(noise).save(tmp_path / "noise.png")
    done = cli(
        "case", tmp_path / "noise.png", *made, "--output", tmp_path / "b", "--format", "html"
    )
    assert done.exit_code == 0, done.stderr
    assert "UNLIKE the training images" in done.stdout
    assert "not reported: the image is unlike" in " ".join(done.stdout.split())
    assert "not exported, for there is no report: html" in done.stderr
    assert "Not reported." in (tmp_path / "b" / "case.html").read_text()
    assert (tmp_path / "b" / "neighbours" / "N1.png").is_file()


def test_an_engine_that_fails_leaves_the_page_and_fails_the_command(
    cli, made, picture, tmp_path, monkeypatch
):
    broken = Entry("test_case.broken_engine:BrokenEngine")
    monkeypatch.setitem(ENGINES._entries, "broken", broken)
    done = cli("case", picture, *made, "--engine", "broken", "--output", tmp_path / "b")
    assert done.exit_code == 1
    assert "error: no report: the engine broke\nhint: mend it" in done.stderr
    assert "calibrated probability" in done.stdout
    page = (tmp_path / "b" / "case.html").read_text()
    assert "The report failed." in page
    assert "The engine broke" in page


@pytest.mark.parametrize("format", ["dicom-sr", "docx"])
def test_formats_that_cannot_be_are_said_first(cli, made, picture, format):
    done = cli("case", picture, *made, "--format", format)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert not Path("output").exists()


def test_a_folder_several_frames_and_junk_are_no_case(cli, made, picture, tmp_path):
    write_dicom(tmp_path / "cine.dcm", np.zeros((3, 20, 20), np.uint8))
    (tmp_path / "junk.png").write_bytes(b"junk")
    for image, said, hint in (
        (picture.parent, "is a folder", "medx report generate"),
        (tmp_path / "cine.dcm", "holds 3 images", "file of its own"),
        (tmp_path / "junk.png", "junk.png", ""),
        (tmp_path / "none.png", "no such image file", "check the path"),
    ):
        done = cli("case", image, *made)
        assert done.exit_code == 1
        assert said in done.stderr
        assert hint in done.stderr
        assert not Path("output").exists()


def test_json_is_the_result_that_the_bundle_keeps(cli, made, picture, tmp_path):
    done = cli("case", picture, *made, "--output", tmp_path / "b", "--json")
    kept = json.loads((tmp_path / "b" / "case.json").read_text())
    assert {**done.json, "run_dir": None} == kept
    assert kept["disclaimer"] == "Research use only, not for clinical use."
    assert "reference_label" not in json.dumps(kept)


def test_similar_cases_may_come_from_a_milvus(cli, made, picture, tmp_path):
    index = GalleryIndex.load(made[5])
    uri = tmp_path / "galleries.db"
    write_gallery(MilvusPlace(str(uri), "films"), index.batches(), index.description)
    there = (*made[:4], *made[6:], "--index", "films", "--backend", "milvus", "--uri", uri)
    similar = [
        cli("case", picture, *options, "--output", tmp_path / name, "--json").json["neighbours"]
        for name, options in (("folder", made), ("milvus", there))
    ]
    assert [hit["id"] for hit in similar[0]] == [hit["id"] for hit in similar[1]] != []
    written = cli("report", "generate", picture, *there, "--name", "x", "--json")
    assert written.exit_code == 0, written.stderr
    report = json.loads(next(Path("output/report/generate/x/reports").iterdir()).read_text())
    assert report["evidence"]["neighbours"] == similar[1]
    close_catalogs()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--uri", "http://127.0.0.1:1"), "hint: add --backend milvus"),
        (("--backend", "milvus", "--uri", "none.db"), "no Milvus Lite file none.db"),
        (("--backend", "milvsu"), "did you mean 'milvus'?"),
        (("--index", "nobody"), "unknown index 'nobody'"),
    ],
)
def test_a_wrong_archive_is_told_before_anything_is_made(cli, made, picture, options, told):
    for command in (("case",), ("report", "generate")):
        done = cli(*command, picture, *made, *options)
        assert done.exit_code == 1
        assert told in done.stderr
        assert "loading the classifier" not in done.stderr
        assert not list(Path(".").rglob("config.yaml"))
