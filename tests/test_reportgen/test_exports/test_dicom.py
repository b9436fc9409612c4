import io
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pypdf import PdfReader
from test_datasets.dicom_files import IDENTITY, PRIVATE

from medx.core.errors import InputError
from reportgen.exports.dicom_pdf import encapsulated_pdf_bytes
from reportgen.exports.dicom_sc import sc_bytes
from reportgen.exports.dicom_sr import sr_bytes
from reportgen.exports.document import DocumentSection, Finding
from reportgen.exports.material import Material
from reportgen.exports.study import MAY_BE_EMPTY, read_study

EXPORTERS = (sr_bytes, sc_bytes, encapsulated_pdf_bytes)
every_export = pytest.mark.parametrize("export", EXPORTERS)


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


def texts(dataset):
    """Return every text of an SR with the heading above it."""
    found = []
    for item in dataset.ContentSequence:
        heading = item.ConceptNameCodeSequence[0].CodeMeaning
        if "TextValue" in item:
            found.append((heading, item.TextValue))
        if "ContentSequence" in item:
            found += [(heading, text) for _, text in texts(item)]
    return found


@every_export
def test_it_is_of_the_sources_patient_and_study_in_a_series_of_its_own(make_material, export):
    material = make_material()
    header, made = material.study.header, read(export(material))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate",
                    "AccessionNumber", "StudyInstanceUID", "ReferringPhysicianName"):  # fmt: skip
        assert made[keyword].value == header[keyword].value
    assert made.SeriesInstanceUID != header.SeriesInstanceUID
    assert made.SOPInstanceUID != header.SOPInstanceUID
    assert made.Manufacturer == "medx"


@every_export
def test_two_exports_are_two_objects(make_material, export):
    material = make_material()
    assert read(export(material)).SOPInstanceUID != read(export(material)).SOPInstanceUID


@every_export
def test_private_and_scanner_attributes_stay_behind(make_material, make_study, export):
    other = Dataset()
    other.PatientID, other.TypeOfPatientID = "ANOTHER-INVENTED", "TEXT"
    other.private_block(0x0011, "ACME", create=True).add_new(1, "LO", PRIVATE)
    content = export(make_material(study=make_study(OtherPatientIDsSequence=[other])))
    assert b"ANOTHER-INVENTED" in content
    for text in (PRIVATE, IDENTITY["StationName"], IDENTITY["ImageComments"]):
        assert text.encode() not in content


@every_export
def test_the_series_says_what_it_is_in_a_viewers_list(make_material, export):
    made = read(export(make_material(synthetic=True)))
    assert made.SeriesDescription == ("medx draft report: not for clinical use, MOCK, SYNTHETIC")


@every_export
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 144", "Люкceмбypг"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ],
)
def test_names_of_any_alphabet_survive(make_material, make_study, export, charset, name):
    study = make_study(SpecificCharacterSet=charset, PatientName=name)
    made = read(export(make_material(study=study)))
    assert str(made.PatientName) == name
    assert made.SpecificCharacterSet == "ISO_IR 192"


@every_export
def test_a_source_that_says_little_gives_empty_attributes(make_material, make_study, export):
    study = make_study(**dict.fromkeys(MAY_BE_EMPTY))
    made = read(export(make_material(study=study)))
    assert all(not made[keyword].value for keyword in MAY_BE_EMPTY if keyword in made)
    assert "PatientID" in made


@every_export
def test_what_archives_file_by_is_kept_as_it_stands(make_material, make_study, export):
    study = make_study(PatientSex="U", PatientBirthDate="1.2.03", StudyTime="noon")
    made = pydicom.dcmread(io.BytesIO(export(make_material(study=study))), force=True)
    assert made.PatientSex == "U"
    assert made.get_item("PatientBirthDate").value.strip() == b"1.2.03"


def test_what_breaks_dicom_and_identifies_nobody_stays_behind(
    make_material, make_study, capfd, tmp_path
):
    make_study(PatientAge="62", PatientWeight=12345.67)
    film = tmp_path / "film.dcm"
    film.write_bytes(film.read_bytes().replace(b"12345.67", b"heavy as"))
    made = read(sr_bytes(make_material(study=read_study(film, 0))))
    assert "PatientAge" not in made
    assert "PatientWeight" not in made
    said = " ".join(capfd.readouterr().err.split())
    assert (
        "not taken from film.dcm, for DICOM forbids their values: PatientAge, PatientWeight" in said
    )
    assert "heavy" not in said


@every_export
def test_it_points_at_the_source_and_its_frame(make_material, make_study, export):
    clip = np.zeros((3, 6, 4), np.uint8)
    for study, frame in ((make_study(), None), (make_study(1, clip), 2)):
        made = read(export(make_material(study=study)))
        (item,) = references(made)
        assert item.ReferencedSOPInstanceUID == study.header.SOPInstanceUID
        assert item.ReferencedSOPClassUID == study.header.SOPClassUID
        assert item.get("ReferencedFrameNumber") == frame


def test_a_text_in_no_known_form_points_at_the_frame_too(make_material, make_study):
    study = make_study(1, np.zeros((3, 6, 4), np.uint8))
    made = read(sr_bytes(make_material("I see nothing of the kind.", study=study)))
    assert re.search(r"Referenced Frame Number\s+IS: '2'", str(made))


@every_export
def test_its_content_is_as_old_as_the_report_in_the_sources_time_zone(
    make_material, make_study, export
):
    material = make_material(study=make_study(TimezoneOffsetFromUTC="+0900"))
    document = material.document.model_copy(update={"created": "2026-03-01T20:30:05+01:00"})
    made = read(export(replace(material, document=document)))
    assert (made.ContentDate, str(made.ContentTime)[:6]) == ("20260302", "043005")
    assert made.TimezoneOffsetFromUTC == "+0900"
    created = f"{made.InstanceCreationDate}{str(made.InstanceCreationTime)[:6]}+0900"
    age = datetime.now(timezone.utc) - datetime.strptime(created, "%Y%m%d%H%M%S%z")
    assert abs(age.total_seconds()) < 3600


@every_export
def test_a_source_without_a_time_zone_gets_none(make_material, make_study, export):
    for offset in (None, "9 hours"):
        study = make_study(TimezoneOffsetFromUTC=offset)
        assert "TimezoneOffsetFromUTC" not in read(export(make_material(study=study)))


def references(made):
    if "ContentSequence" in made:
        findings = next(
            item for item in made.ContentSequence
            if item.ConceptNameCodeSequence[0].CodeMeaning == "Findings"
        )  # fmt: skip
        return findings.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence
    return made.get("SourceImageSequence") or made.SourceInstanceSequence


@every_export
def test_no_study_is_a_callers_mistake(make_document, export):
    with pytest.raises(ValueError, match="needs a study"):
        export(Material(document=make_document()))


def test_the_sr_is_preliminary_and_holds_every_section(make_material):
    material = make_material()
    made = read(sr_bytes(material))
    assert (made.CompletionFlag, made.PreliminaryFlag, made.VerificationFlag) == (
        "PARTIAL", "PRELIMINARY", "UNVERIFIED",
    )  # fmt: skip
    held = [text.replace("\r\n", "\n") for _, text in texts(made)]
    for section in material.document.sections:
        assert section.text in held
    for mark in material.document.marks:
        assert mark in held


def test_a_heading_of_ones_own_is_kept_whatever_is_in_it(make_material):
    material = make_material()
    sections = [DocumentSection(name="left\\right, grüße " + "x" * 80, text="a\\b\nc")]
    document = material.document.model_copy(update={"sections": sections})
    made = read(sr_bytes(Material(document=document, study=material.study)))
    (found,) = (pair for pair in texts(made) if pair[0].startswith("Left"))
    assert found == (("Left right, grüße " + "x" * 80)[:64], "a\\b\r\nc")


def test_the_same_program_is_the_same_observer(make_material):
    observers = [
        next(item.UID for item in read(sr_bytes(make_material())).ContentSequence if "UID" in item)
        for _ in range(2)
    ]
    assert observers[0] == observers[1]


def test_the_srs_evidence_names_the_source(make_material):
    material = make_material()
    (study,) = read(sr_bytes(material)).CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == material.study.header.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == (
        material.study.header.SOPInstanceUID
    )


def test_only_what_is_stated_as_present_is_coded_in_the_sr(make_material):
    material = make_material()
    findings = [
        Finding(name="pneumothorax", statement="a", status="present"),
        Finding(name="pneumonia", statement="b", status="absent"),
        Finding(name="cardiomegaly", statement="c"),
        Finding(name="a shadow", statement="d", status="present"),
    ]
    document = material.document.model_copy(update={"findings": findings})
    made = read(sr_bytes(Material(document=document, study=material.study)))
    values = re.findall(r"Concept Code Sequence.*?Code Value\s+\S+ '(\w+)'", str(made), re.S)
    assert [value for value in values if value.isdigit() and len(value) > 6] == ["36118008"]


def test_the_secondary_capture_shows_the_map_on_the_image_and_says_so(make_material):
    material = make_material(synthetic=True)
    made = read(sc_bytes(material))
    pixels = made.pixel_array
    side = min(made.Columns, made.Rows)
    picture = pixels[:side, :side]
    assert pixels.shape[2] == 3
    assert made.ImageType[0] == "DERIVED"
    peak = picture[int(side * 0.2), int(side * 0.2)].astype(int)
    assert peak[2] < max(peak[:2])  # viridis ends in yellow and begins in violet
    assert made.Rows > side  # the marks stand below
    assert pixels[side:].max() > 200
    assert "pneumonia" in made.DerivationDescription


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"ImageLaterality": "L"}, "L"),
        ({"Laterality": "R", "ImageLaterality": None}, "R"),
        ({"ImageLaterality": "B"}, None),
    ],
)
def test_the_side_of_a_paired_part_is_kept(make_material, make_study, tags, expected):
    made = read(sc_bytes(make_material(study=make_study(**tags))))
    assert (made.Laterality or None) == expected


def test_what_compression_has_lost_is_not_forgotten(make_material, make_study):
    assert "LossyImageCompression" not in read(sc_bytes(make_material()))
    lossy = {"LossyImageCompression": "01", "LossyImageCompressionRatio": "12.5",
             "LossyImageCompressionMethod": "ISO_10918_1"}  # fmt: skip
    made = read(sc_bytes(make_material(study=make_study(**lossy))))
    assert {keyword: str(made[keyword].value) for keyword in lossy} == lossy


def test_how_the_patient_lies_is_kept_or_left_open(make_material, make_study):
    study = make_study(PatientOrientation=["P", "F"])
    assert list(read(sc_bytes(make_material(study=study))).PatientOrientation) == ["P", "F"]
    assert not read(sc_bytes(make_material(study=make_study()))).PatientOrientation


def test_the_encapsulated_pdf_is_a_pdf_with_the_marks(make_material):
    made = read(encapsulated_pdf_bytes(make_material()))
    content = made.EncapsulatedDocument[: made.EncapsulatedDocumentLength]
    assert "MOCK REPORT" in PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert made.DocumentTitle.startswith("Research use only, not for clinical use.")
    assert made.BurnedInAnnotation == "NO"  # as the source says


def test_what_may_be_written_in_the_source_may_be_written_in_the_pdf(make_material, make_study):
    made = read(encapsulated_pdf_bytes(make_material(study=make_study(BurnedInAnnotation=None))))
    assert made.BurnedInAnnotation == "YES"
    assert "RecognizableVisualFeatures" not in made  # a face is not ruled out


def test_a_header_that_cannot_be_copied_is_refused_without_its_words(make_material, make_study):
    study = make_study()
    study.header.SOPClassUID = "1.2.3.4.5"  # no class that has a known patient module
    with pytest.raises(InputError, match="cannot be copied") as caught:
        sr_bytes(make_material(study=study))
    assert "Quillonia" not in str(caught.value)


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not installed: dicom3tools")
@every_export
@pytest.mark.parametrize("strategy", ["concise", "structured", "differential"])
def test_dciodvfy_finds_no_error(make_material, export, strategy, tmp_path):
    (tmp_path / "made.dcm").write_bytes(export(make_material(strategy=strategy, synthetic=True)))
    ran = subprocess.run(["dciodvfy", tmp_path / "made.dcm"], capture_output=True, text=True)
    said = ran.stderr + ran.stdout
    assert "Error" not in said
    assert said.strip()


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not installed: dicom3tools")
def test_dciodvfy_would_find_one(make_material, tmp_path):
    made = read(sr_bytes(make_material()))
    del made.VerificationFlag
    made.save_as(tmp_path / "spoiled.dcm")
    ran = subprocess.run(["dciodvfy", tmp_path / "spoiled.dcm"], capture_output=True, text=True)
    assert "Error" in ran.stderr + ran.stdout
