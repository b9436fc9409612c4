import pytest

from medx.datasets.medmnist import MODALITIES
from reportgen.modality import modality_of


@pytest.mark.parametrize(
    ("name", "specialist"),
    [
        ("synthetic chest radiograph", "radiologist"),
        ("DX", "radiologist"),
        ("abdominal CT, axial slice", "radiologist"),
        ("breast ultrasound", "radiologist"),
        ("colon histology", "pathologist"),
        ("blood smear, microscopy", "haematologist"),
        ("kidney cortex, microscopy", "pathologist"),
        ("dermatoscopy", "dermatologist"),
        ("retinal optical coherence tomography", "ophthalmologist"),
        ("medical image", "physician"),
        ("", "physician"),
    ],
)
def test_who_reads_what(name, specialist):
    assert modality_of(name).specialist == specialist


def test_only_chest_radiographs_have_chest_regions():
    assert modality_of("chest radiograph").regions[0] == "Lungs"
    assert modality_of("blood smear").regions == ("Image",)


def test_every_medmnist_modality_has_a_reader():
    assert not [name for name in MODALITIES.values() if modality_of(name).specialist == "physician"]
