import pytest
from test_datasets.layouts import write_bbbc041, write_btxrd, write_folders, write_voc

from medx.core.errors import DataUnavailableError, InputError
from medx.datasets.importers.saving import apply_label_map
from medx.datasets.importers.sources import read_source
from medx.datasets.presets import LABEL_MAPS, PRESETS


def rows(imported):
    return {r.path.rpartition("/")[2]: r for r in imported.records}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_each_preset_says_what_it_is_and_where_it_comes_from(preset):
    assert all((preset.licence, preset.citation, preset.modality, preset.layout))
    assert preset.homepage.startswith("https://")
    assert "http" in preset.how_to_get
    assert len(preset.classes) >= 2


def test_bbbc041_becomes_infected_and_uninfected(tmp_path):
    imported = read_source(str(write_bbbc041(tmp_path)), "bbbc041")
    assert imported.licence == "CC BY-NC-SA 3.0"
    assert imported.classes == PRESETS["bbbc041"].classes
    assert rows(imported)["b.png"].label == "red blood cell|trophozoite"
    binary = apply_label_map(imported, LABEL_MAPS["bbbc041-binary"])
    assert binary.classes == ("uninfected", "infected")
    assert {name: r.label for name, r in rows(binary).items()} == {
        "a.png": "uninfected|infected", "b.png": "uninfected|infected", "c.png": "infected",
        "d.png": None, "e.jpg": "infected",
    }  # fmt: skip
    counts = {name: len(r.boxes) for name, r in rows(binary).items()}
    assert counts == {"a.png": 2, "b.png": 2, "c.png": 1, "d.png": 0, "e.jpg": 1}


def test_nih_malaria_is_grouped_by_patient(tmp_path):
    write_folders(
        tmp_path / "cell_images",
        "Parasitized/C33P1thinF_IMG_20150619_114756a_cell_179.png",
        "Parasitized/C33P1thinF_IMG_20150619_115740a_cell_162.png",
        "Uninfected/C1_thinF_IMG_20150604_104722_cell_60.png",
        "Uninfected/C241NThinF_IMG_20151207_124115_cell_75.png",
    )
    imported = read_source(str(tmp_path), "nih-malaria")
    assert imported.classes == ("Uninfected", "Parasitized")
    assert [r.group for r in imported.records] == ["C33P1", "C33P1", "C1", "C241N"]
    assert imported.records[0].extra == {"field": "C33P1thinF_IMG_20150619_114756a"}
    assert imported.notes == ()


def test_leukocytes_are_five_classes_however_they_are_written(tmp_path):
    kinds = ("basophil", "Eosinophil", "LYMPHOCYTE", "Monocyte", "Neutrophil")
    write_folders(tmp_path, *(f"Train/{kind}/{i}.jpg" for i, kind in enumerate(kinds)))
    imported = read_source(str(tmp_path), "leukocytes")
    assert sorted(r.label for r in imported.records) == sorted(PRESETS["leukocytes"].classes)
    assert {r.split for r in imported.records} == {"train"}


def test_raabin_test_folders_are_test(tmp_path):
    write_folders(tmp_path, "Train/Basophil/1.jpg", "TestA/Monocyte/2.jpg", "Test-B/Monocyte/3.jpg")
    imported = read_source(str(tmp_path), "leukocytes")
    assert {r.path: (r.split, r.source) for r in imported.records} == {
        "Train/Basophil/1.jpg": ("train", None),
        "TestA/Monocyte/2.jpg": ("test", None),
        "Test-B/Monocyte/3.jpg": ("test", None),
    }


def test_cxr_3class_reads_the_publishers_spelling_and_names_other_classes(tmp_path):
    write_folders(
        tmp_path, "train/NORMAL/1.jpg", "train/PNEUMONIA/2.jpg", "test/TURBERCULOSIS/3.jpg",
        "val/COVID19/4.jpg",
    )  # fmt: skip
    imported = read_source(str(tmp_path), "cxr-3class")
    assert imported.classes == ("NORMAL", "PNEUMONIA", "TUBERCULOSIS", "COVID19")
    assert rows(imported)["3.jpg"].label == "TUBERCULOSIS"
    assert imported.notes == ("classes cxr-3class does not have: COVID19",)


@pytest.mark.parametrize("sheet", ["dataset.xlsx", "dataset.csv"])
def test_btxrd_joins_sheet_and_outlines(tmp_path, sheet):
    imported = read_source(str(write_btxrd(tmp_path, sheet=sheet)), "btxrd")
    assert imported.classes == ("normal", "benign", "malignant")
    found = rows(imported)
    assert {name: (r.label, r.source) for name, r in found.items()} == {
        "IMG000001.jpeg": ("benign", "centre 1"),
        "IMG000002.jpeg": ("malignant", "centre 2"),
        "IMG000003.jpg": ("normal", "centre 3"),
    }
    assert [len(r.boxes) for r in imported.records] == [1, 1, 0]
    assert found["IMG000002.jpeg"].boxes[0].label == "osteosarcoma"
    assert found["IMG000001.jpeg"].extra == {
        "age": "14", "gender": "M", "site": "femur", "subtype": "osteochondroma", "view": "frontal",
    }  # fmt: skip
    assert "names no patients" in imported.notes[-1]


def test_bccd_takes_the_repository_as_it_is(tmp_path):
    boxes = {"BloodImage_00000.jpg": [("WBC", 1, 1, 9, 9), ("Platelets", 2, 2, 5, 5)]}
    write_voc(tmp_path / "BCCD_Dataset-master" / "BCCD", boxes)
    imported = read_source(str(tmp_path), "bccd")
    assert imported.classes == ("RBC", "WBC", "Platelets")
    assert imported.records[0].label == "WBC|Platelets"
    assert imported.licence == "MIT"


def test_chest_xray_pneumonia_keeps_patients_together(tmp_path):
    write_folders(
        tmp_path / "chest_xray",
        "train/PNEUMONIA/person12_bacteria_34.jpeg",
        "train/PNEUMONIA/person12_virus_35.jpeg",
        "test/NORMAL/IM-0115-0001.jpeg",
        "val/NORMAL/NORMAL2-IM-0115-0001.jpeg",
        "val/NORMAL/NORMAL2-IM-0115-0001-0002.jpeg",
        "train/NORMAL/NORMAL-1003233-0001.jpeg",
        "train/PNEUMONIA/BACTERIA-1008087-0001.jpeg",
        "chest_xray/train/NORMAL/IM-0115-0001.jpeg",
    )
    imported = read_source(str(tmp_path), "chest-xray-pneumonia")
    assert {n: (r.group, r.split, r.extra.get("subtype")) for n, r in rows(imported).items()} == {
        "person12_bacteria_34.jpeg": ("person12", "train", "bacterial"),
        "person12_virus_35.jpeg": ("person12", "train", "viral"),
        "IM-0115-0001.jpeg": ("im-0115", "test", None),
        "NORMAL2-IM-0115-0001.jpeg": ("normal2-im-0115", "val", None),
        "NORMAL2-IM-0115-0001-0002.jpeg": ("normal2-im-0115", "val", None),
        "NORMAL-1003233-0001.jpeg": ("1003233", "train", None),
        "BACTERIA-1008087-0001.jpeg": ("1008087", "train", "bacterial"),
    }
    assert len(imported.skipped) == 1  # the archive's second copy of itself


@pytest.mark.parametrize("name", PRESETS)
def test_a_folder_of_another_layout_names_the_right_one(tmp_path, name):
    write_folders(tmp_path, "cats/1.png", "dogs/2.png")
    with pytest.raises(InputError) as caught:
        read_source(str(tmp_path), name)
    assert PRESETS[name].layout in caught.value.hint


@pytest.mark.parametrize("name", PRESETS)
def test_an_absent_preset_says_what_to_fetch_and_where_to_put_it(tmp_path, name, monkeypatch):
    monkeypatch.setenv("MEDX_DATA_DIR", str(tmp_path / "mine"))
    with pytest.raises(DataUnavailableError) as caught:
        read_source(name)
    assert "https://" in caught.value.hint
    assert str(tmp_path / "mine" / name) in caught.value.hint
    write_voc(tmp_path / "mine" / "bccd", {"a.jpg": [("RBC", 1, 1, 9, 9)]})
    assert len(read_source("bccd").records) == 1


def test_drawn_pictures_in_a_presets_layout_are_not_the_publishers(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDX_DATA_DIR", str(tmp_path))
    (write_bbbc041(tmp_path / "bbbc041") / "dataset.yaml").write_text("synthetic: true\n")
    for imported in (read_source("bbbc041"), read_source(str(tmp_path / "bbbc041"), "bbbc041")):
        assert imported.synthetic
        assert (imported.licence, imported.citation) == ("", "")
        assert imported.description == "Synthetic pictures in the layout of bbbc041."


def test_synthetic_data_stays_synthetic(tmp_path):
    folder = write_bbbc041(tmp_path) / "malaria"
    assert not read_source(str(folder)).synthetic
    (folder / "dataset.yaml").write_text("synthetic: true\n")
    imported = read_source(str(folder))
    assert imported.synthetic
    assert imported.licence == ""
