import io
import json
import sys

import numpy as np
import pydicom
import pytest
from defusedxml import ElementTree
from orthanc import beside_orthanc, why_not
from PIL import Image as PILImage
from pypdf import PdfReader
from test_datasets.dicom_files import identifying, leaks, write_dicom

from classify.config import TrainConfig
from classify.predict import load_classifier
from classify.training.train import train
from medx.core.images import read_image
from medx.core.settings import DISCLAIMER
from medx.datasets.catalog import load_dataset
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine
from reportgen.evidence import Evidence
from reportgen.exports.export import Export
from reportgen.exports.formats import EXPORTERS, export_format
from reportgen.generate import generate_reports
from reportgen.item import ReportItem
from reportgen.strategies import STRATEGIES


@pytest.fixture(scope="module")
def run_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "train"
    config = TrainConfig(dataset=str(two_class), epochs=1, size=16, device="cpu")
    train(config, folder, load_dataset(str(two_class)))
    return folder


@pytest.fixture
def film(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 4096, (32, 28), np.uint16)
    write_dicom(tmp_path / "inbox" / "film.dcm", pixels)
    return tmp_path / "inbox" / "film.dcm"


@pytest.fixture
def report(film, run_dir, tmp_path):
    """A mock's report on the film, as ``medx report generate`` writes it."""
    pixels = read_image(film).pixels
    classifier = load_classifier(run_dir, device="cpu")
    (prediction,) = classifier.predict(["film"], [pixels])
    evidence = Evidence(
        image_id="film", dataset="two", modality="chest radiograph", image_size=(32, 28),
        prediction=prediction,
    )  # fmt: skip
    item = ReportItem(evidence=evidence, pixels=pixels)
    engine = choose_engine(ReportConfig(engine="mock", allow_unlike=True))
    folder = tmp_path / "reports-run"
    generate_reports([item], [STRATEGIES.load("structured")], engine, folder)
    return folder / "reports" / "film--structured.json"


@pytest.fixture
def export(cli, report, tmp_path):
    """Export the report and return what was said and the bytes written."""

    def run(format_name, *options, name="made"):
        path = tmp_path / "out" / name
        said = cli("report", "export", report, "--format", format_name, "--output", path,
                   "--device", "cpu", *options)  # fmt: skip
        return said, path.read_bytes() if path.is_file() else None

    return run


@pytest.mark.parametrize("name", list(EXPORTERS))
def test_every_format_is_written_and_described(export, film, run_dir, name):
    said, content = export(name, "--source", film, "--run", run_dir, "--json")
    assert said.exit_code == 0, said.stderr
    result = Export.model_validate(said.json)
    assert result.bytes == len(content)
    assert result.is_mock
    assert result.disclaimer == DISCLAIMER
    form = export_format(name)
    assert result.with_image == result.with_heatmap == form.takes_pictures
    assert result.in_study == name.startswith("dicom")
    is_dicom = content[128:132] == b"DICM"
    assert is_dicom == result.in_study


def test_an_export_for_people_says_that_it_is_a_mock(export):
    said, _ = export("md")
    assert said.stdout.startswith("MOCK REPORT")
    assert said.stdout.rstrip().endswith(DISCLAIMER)


def test_the_picture_that_the_run_kept_is_shown_without_a_source(export, run_dir):
    said, content = export("pdf", "--run", run_dir, "--json")
    assert said.json["with_heatmap"]
    assert len(PdfReader(io.BytesIO(content)).pages[0].images) == 2


def test_a_kept_picture_of_another_image_is_not_shown(export, report, run_dir):
    picture = report.parent.parent / "images" / "film.png"
    PILImage.fromarray(np.zeros((8, 8), np.uint8)).save(picture)
    said, _ = export("html", "--run", run_dir, "--json")
    assert said.exit_code == 0
    assert not said.json["with_image"]


def test_a_page_without_its_classifier_says_why_it_has_no_heatmap(export):
    said, _ = export("html", "--json")
    assert "no heat-map" in said.stderr
    assert said.json["with_image"]
    assert not said.json["with_heatmap"]


def test_the_default_file_stands_beside_the_report(cli, report):
    said = cli("report", "export", report, "--format", "md")
    assert said.exit_code == 0, said.stderr
    assert report.with_name("film--structured.md").read_text().startswith("# Draft report: film")


def test_a_folder_gets_a_file_of_the_reports_name(cli, report, tmp_path):
    said = cli("report", "export", report, "--format", "md", "--output", tmp_path, "--json")
    assert said.json["path"] == str(tmp_path / "film--structured.md")


@pytest.mark.parametrize("name", ["dicom-sr", "dicom-sc", "dicom-pdf"])
def test_dicom_needs_the_source(export, report, name):
    said, content = export(name)
    assert said.exit_code == 1
    assert "which one is not in the report" in said.stderr
    assert "--source" in said.stderr
    assert content is None


def test_a_png_has_no_study(export, report):
    said, content = export("dicom-sr", "--source", report.parent.parent / "images" / "film.png")
    assert said.exit_code == 1
    assert "there is no study to refer to" in " ".join(said.stderr.split())
    assert "pdf, html, md or fhir" in " ".join(said.stderr.split())
    assert content is None


@pytest.mark.parametrize("name", ["dicom-sr", "pdf"])
def test_another_patients_film_is_refused(export, tmp_path, name):
    write_dicom(tmp_path / "other.dcm", np.zeros((32, 28), np.uint16))
    said, content = export(name, "--source", tmp_path / "other.dcm")
    assert said.exit_code == 1
    assert "not the image the report was written on" in " ".join(said.stderr.split())
    assert content is None


def test_a_heatmap_without_its_classifier_is_an_error(export, film):
    said, content = export("dicom-sc", "--source", film)
    assert said.exit_code == 1
    assert content is None


def test_a_run_that_was_asked_for_must_be_there(export, tmp_path):
    said, content = export("pdf", "--run", tmp_path / "nothing")
    assert said.exit_code == 1
    assert content is None


def test_another_classifier_draws_no_heatmap(export, report, run_dir):
    changed = json.loads(report.read_text())
    probabilities = changed["evidence"]["prediction"]["probabilities"]
    changed["evidence"]["prediction"]["probabilities"] = {
        name: probability / 2 + 0.25 + 0.02 for name, probability in probabilities.items()
    }
    report.write_text(json.dumps(changed))
    said, content = export("pdf", "--run", run_dir)
    assert said.exit_code == 1
    assert "not the classifier the report leans on" in " ".join(said.stderr.split())
    assert content is None


def test_a_source_without_uids_has_no_study(export, film):
    dataset = pydicom.dcmread(film)
    del dataset.StudyInstanceUID
    dataset.save_as(film)
    said, _ = export("dicom-sr", "--source", film)
    assert said.exit_code == 1
    assert "lacks StudyInstanceUID" in said.stderr


def test_the_frame_that_was_reported_on_is_found(export, film, tmp_path):
    pixels = pydicom.dcmread(film).pixel_array
    clip = np.stack([np.zeros_like(pixels), np.full_like(pixels, 9), pixels])
    write_dicom(tmp_path / "clip.dcm", clip)
    said, content = export("dicom-pdf", "--source", tmp_path / "clip.dcm")
    assert said.exit_code == 0, said.stderr
    made = pydicom.dcmread(io.BytesIO(content))
    assert made.SourceInstanceSequence[0].ReferencedFrameNumber == 3


@pytest.mark.parametrize("text", ["", "{}", '{"reports": []}', "\xff"])
def test_what_is_no_report_is_said_to_be_none(cli, tmp_path, text):
    (tmp_path / "x.json").write_bytes(text.encode("latin-1"))
    said = cli("report", "export", tmp_path / "x.json", "--format", "md")
    assert said.exit_code == 1
    assert "is not a report of this version of medx" in " ".join(said.stderr.split())
    assert cli("report", "export", tmp_path / "no.json", "--format", "md").exit_code == 1


def test_an_unknown_format_is_said_with_the_known(export):
    said, _ = export("pdff")
    assert said.exit_code == 1
    assert "did you mean 'pdf'" in said.stderr


def test_neither_report_nor_source_is_replaced(cli, report, film):
    for path in (report, film):
        kept = path.read_bytes()
        said = cli("report", "export", report, "--format", "md", "--source", film,
                   "--output", path)  # fmt: skip
        assert said.exit_code == 1
        assert path.read_bytes() == kept


def test_a_failed_export_leaves_the_earlier_one(export, tmp_path, film):
    export("md")
    before = (tmp_path / "out" / "made").read_bytes()
    said, after = export("dicom-sc", "--source", film)
    assert said.exit_code == 1
    assert after == before
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["made"]


@pytest.mark.parametrize("name", ["pdf", "fhir"])
def test_a_missing_package_is_named_with_its_extra(export, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "fpdf", None)
    for module in ("pdf", "fhir"):
        monkeypatch.delitem(sys.modules, f"reportgen.exports.{module}", raising=False)
    said, _ = export(name)
    assert said.exit_code == 1
    assert "pip install 'medx[clinical]'" in said.stderr


def test_the_patient_goes_into_dicom_objects_only(export, film, run_dir, tmp_path):
    texts = identifying(film.parent)
    assert leaks(texts, film.parent)
    for name in EXPORTERS:
        said, content = export(name, "--source", film, "--run", run_dir, name=name)
        assert said.exit_code == 0, said.stderr
        assert leaks(texts, said.stdout, said.stderr) == set()
        found = leaks(texts, content.decode("latin-1"))
        assert bool(found) == name.startswith("dicom")
    for path in (tmp_path / "out").iterdir():
        if path.name.startswith("dicom"):
            path.unlink()
    kept = [p for p in tmp_path.iterdir() if p.is_dir() and p.name != "inbox"]
    assert leaks(texts, *kept) == set()


def test_fhir_narrative_and_study_stay_apart(export, film):
    _, content = export("fhir", "--source", film)
    report = json.loads(content)["entry"][0]["resource"]
    assert "imagingStudy" not in report
    assert ElementTree.fromstring(report["text"]["div"]) is not None


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_an_archive_takes_them_into_the_patients_study(export, film, run_dir, tmp_path):
    for name in ("dicom-sr", "dicom-sc", "dicom-pdf"):
        said, content = export(name, "--source", film, "--run", run_dir)
        assert said.exit_code == 0, said.stderr
        (film.parent / f"{name}.dcm").write_bytes(content)
    studies, series = beside_orthanc(
        tmp_path / "orthanc", film.parent, [["GET", "/studies"], ["GET", "/series"]]
    )
    (study,) = json.loads(studies["stdout"])
    header = pydicom.dcmread(film)
    assert study["0020000D"]["Value"] == [header.StudyInstanceUID]
    assert study["00100020"]["Value"] == [header.PatientID]
    modalities = sorted(found["00080060"]["Value"][0] for found in json.loads(series["stdout"]))
    assert modalities == ["DOC", "DX", "OT", "SR"]
