import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from test_datasets.dicom_files import identifying, leaks, write_dicom

from medx.core.deidentify import KEPT_TAGS, deidentify
from medx.core.dicom_identity import Identity
from medx.core.errors import InputError
from medx.core.images import read_image
from medx.core.pseudonyms import Pseudonyms
from medx.core.quiet import quiet

PSEUDONYMS = Pseudonyms(b"a key for the tests")


def copied(source, target):
    with quiet():
        copy = deidentify(pydicom.dcmread(source), PSEUDONYMS, patient="0123456789abcdef")
    copy.save_as(target, enforce_file_format=True)
    return pydicom.dcmread(target)


def test_only_listed_tags_and_stand_ins_are_kept(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    original = write_dicom(tmp_path / "in" / "a.dcm", RescaleSlope=2)
    original.add_new(0x60003000, "OW", b"drawn on it: Quillonia")
    original.save_as(tmp_path / "in" / "a.dcm", enforce_file_format=True)
    copy = copied(tmp_path / "in" / "a.dcm", tmp_path / "out" / "b.dcm")
    added = {
        "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "PixelData",
        "PatientIdentityRemoved", "DeidentificationMethod",
        "LongitudinalTemporalInformationModified",
    }  # fmt: skip
    assert set(copy.dir()) <= KEPT_TAGS | added
    assert (copy.Rows, copy.BitsStored, copy.RescaleSlope) == (24, 12, 2)
    assert copy.PatientIdentityRemoved == "YES"
    assert copy.SOPInstanceUID == PSEUDONYMS.uid(original.SOPInstanceUID)
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
    assert leaks(identifying(tmp_path / "in"), tmp_path / "out") == set()


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "ExplVR_BigEnd.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg.dcm",
        "examples_palette.dcm", "image_dfl.dcm", "693_J2KI.dcm", "SC_rgb_rle_2frame.dcm",
    ],
)  # fmt: skip
def test_every_encoding_shows_the_same_picture(tmp_path, name):
    source = get_testdata_file(name, download=False)
    copy = copied(source, tmp_path / "copy.dcm")
    with quiet():
        original = pydicom.dcmread(source)
    assert copy.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert np.array_equal(read_image(tmp_path / "copy.dcm").pixels, read_image(source).pixels)


def test_names_hidden_in_codes_and_sequences_go(tmp_path):
    window = pydicom.Dataset()
    window.WindowCenter, window.WindowWidth = 10, 20
    window.WindowCenterWidthExplanation = "for Quillonia"
    item = pydicom.Dataset()
    item.FrameVOILUTSequence = [window]
    item.FrameContentSequence = [pydicom.Dataset()]
    with quiet():
        write_dicom(
            tmp_path / "a.dcm", BodyPartExamined="QUILLONIA", ViewPosition="Aunt Polly's",
            SharedFunctionalGroupsSequence=[item],
        )  # fmt: skip
    copy = copied(tmp_path / "a.dcm", tmp_path / "b.dcm")
    assert "BodyPartExamined" not in copy
    assert "ViewPosition" not in copy
    shared = copy.SharedFunctionalGroupsSequence[0]
    assert shared.dir() == ["FrameVOILUTSequence"]
    assert set(shared.FrameVOILUTSequence[0].dir()) == {"WindowCenter", "WindowWidth"}


def test_a_text_where_a_number_belongs_goes(tmp_path):
    dataset = write_dicom(tmp_path / "a.dcm")
    dataset.add_new("PixelSpacing", "LO", "Quillonia")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "PixelSpacing" not in copied(tmp_path / "a.dcm", tmp_path / "b.dcm")


def test_a_file_without_pixels_is_refused(tmp_path):
    write_dicom(tmp_path / "a.dcm", PixelData=None)
    with pytest.raises(InputError, match="without pixel data"):
        copied(tmp_path / "a.dcm", tmp_path / "b.dcm")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("quillonia/1.dcm", True), ("x/ZZYZXIAQ1.dcm", True), ("INVENTED_77123/1.dcm", True),
        ("19031217/1.dcm", True), ("acc9988776.dcm", True), ("1.2.3.99.1/im", True),
        ("jürgen/1", True), ("JURGEN/1", True), ("山田/1", True), ("p-7/1", True),
        ("series2/IM0001.dcm", False), ("al/x77.dcm", False), ("chest/pa.dcm", False),
    ],
)  # fmt: skip
def test_paths_that_name_the_patient(path, found):
    header = pydicom.Dataset()
    header.PatientName = "Quillonia^Zzyzxia^Jürgen^^Al=山田"
    header.PatientID, header.OtherPatientIDs = "INVENTED-77123", ["7"]
    header.PatientBirthDate, header.AccessionNumber = "19031217", "ACC9988776"
    header.StudyInstanceUID = "1.2.3.99.1"
    assert Identity(header).is_in_path(path) is found


def test_texts_that_name_people_or_places():
    header = pydicom.Dataset()
    header.PatientName, header.InstitutionName = "Stone^Ray", "Hospital of Brobdingnag"
    identity = Identity(header)
    assert identity.is_in_text("Room of Stone")
    assert identity.is_in_text("Ray 3, hospital of Brobdingnag")
    assert not identity.is_in_text("X-rays by Hospital Imaging")
