"""Public datasets by name: the layout each publisher ships, its classes, licence and citation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medx.core.errors import UnknownNameError
from medx.datasets.label_map import LabelMap, read_label_map


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A file to fetch: an archive that is unpacked, or a file kept as it is.

    Args:
        sha256: Hex digest, or empty when the publisher's file has no known one.
    """

    url: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One public dataset.

    Args:
        importer: ``module:function`` below ``medx.datasets.importers``.
        classes: In order; for two classes the second is the positive one.
        layout: What lies in its folder, as the publisher ships it.
        how_to_get: One sentence: what to fetch, and from where.
        archives: What can be fetched without an account.
        aliases: Other spellings of a class, lower case.
    """

    name: str
    description: str
    importer: str
    classes: tuple[str, ...]
    modality: str
    licence: str
    citation: str
    homepage: str
    layout: str
    how_to_get: str
    archives: tuple[Archive, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    colour: bool = False


#: Maps that ``--label-map`` takes by name; classes that a dataset lacks do not matter to them.
LABEL_MAPS = {
    "bbbc041-binary": LabelMap(
        targets={
            "red blood cell": "uninfected",
            "ring": "infected",
            "trophozoite": "infected",
            "schizont": "infected",
            "gametocyte": "infected",
            "difficult": None,
            "leukocyte": None,
        },
        lenient=True,
    )
}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="bbbc041",
            description="P. vivax in Giemsa-stained thin smears: fields with boxes of seven cells",
            importer="bbbc041:import_bbbc041",
            classes=(
                "red blood cell", "leukocyte", "ring", "trophozoite", "schizont", "gametocyte",
                "difficult",
            ),
            modality="blood smear, microscopy",
            licence="CC BY-NC-SA 3.0",
            citation="BBBC041v1, Broad Bioimage Benchmark Collection: Ljosa et al., Nature Methods "
            "9:637 (2012)",
            homepage="https://bbbc.broadinstitute.org/BBBC041",
            layout="malaria/training.json, malaria/test.json, malaria/images/*.png|jpg",
            how_to_get="Fetch malaria.zip (2.3 GB) from https://bbbc.broadinstitute.org/BBBC041.",
            archives=(Archive(url="https://data.broadinstitute.org/bbbc/BBBC041/malaria.zip"),),
            colour=True,
        ),
        Preset(
            name="nih-malaria",
            description="27 558 single red blood cells, parasitized or not",
            importer="nih_malaria:import_nih_malaria",
            classes=("Uninfected", "Parasitized"),
            modality="blood smear, microscopy",
            licence="free use with citation (US National Library of Medicine)",
            citation="Rajaraman et al., PeerJ 6:e4568 (2018)",
            homepage="https://lhncbc.nlm.nih.gov/LHC-research/LHC-projects/image-processing/"
            "malaria-datasheet.html",
            layout="cell_images/Parasitized/*.png, cell_images/Uninfected/*.png",
            how_to_get="Fetch cell_images.zip (353 MB) from "
            "https://data.lhncbc.nlm.nih.gov/public/Malaria/.",
            archives=(
                Archive(
                    url="https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip",
                    sha256="0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668",
                ),
            ),
            colour=True,
        ),
        Preset(
            name="leukocytes",
            description="Single white blood cells of the five normal kinds",
            importer="folder:import_folder",
            classes=("Basophil", "Eosinophil", "Lymphocyte", "Monocyte", "Neutrophil"),
            modality="blood smear, microscopy",
            licence="see where it comes from",
            citation="Raabin-WBC: Kouzehkanan et al., Scientific Reports 12:1123 (2022)",
            homepage="https://raabindata.com/free-data/",
            layout="[Train|TestA|TestB/]Basophil|Eosinophil|Lymphocyte|Monocyte|Neutrophil/*.jpg",
            how_to_get="Fetch the double-labelled cropped cells of Raabin-WBC from "
            "https://raabindata.com/free-data/.",
            colour=True,
        ),
        Preset(
            name="cxr-3class",
            description="Frontal chest radiographs: normal, pneumonia, tuberculosis",
            importer="folder:import_folder",
            classes=("NORMAL", "PNEUMONIA", "TUBERCULOSIS"),
            modality="chest radiograph",
            licence="see where it comes from: a collection of several public sets",
            citation="cite the sets it was collected from",
            homepage="https://www.kaggle.com/datasets/jtiptj/"
            "chest-xray-pneumoniacovid19tuberculosis",
            layout="train|val|test/NORMAL|PNEUMONIA|TUBERCULOSIS/*.jpg",
            how_to_get="Fetch it from Kaggle (needs an account): "
            "https://www.kaggle.com/datasets/jtiptj/chest-xray-pneumoniacovid19tuberculosis.",
            aliases={"turberculosis": "TUBERCULOSIS", "tb": "TUBERCULOSIS"},
        ),
        Preset(
            name="btxrd",
            description="Radiographs of bones with and without primary tumours, three centres",
            importer="btxrd:import_btxrd",
            classes=("normal", "benign", "malignant"),
            modality="bone radiograph",
            licence="CC BY-NC-ND 4.0",
            citation="Yao et al., Scientific Data 12:88 (2025), doi:10.1038/s41597-024-04311-y",
            homepage="https://doi.org/10.6084/m9.figshare.27865398",
            layout="images/IMG*.jpeg, Annotations/IMG*.json (LabelMe), dataset.xlsx or dataset.csv",
            how_to_get="Fetch BTXRD.zip (801 MB) from "
            "https://doi.org/10.6084/m9.figshare.27865398.",
            archives=(
                Archive(
                    url="https://ndownloader.figshare.com/files/50653575",
                    sha256="e7c800c3b4e090262b160525a0765f9d93bcc53d639c03806a3ac47b0ded3373",
                ),
            ),
        ),
        Preset(
            name="bccd",
            description="Stained blood fields with boxes of red cells, white cells and platelets",
            importer="voc:import_voc",
            classes=("RBC", "WBC", "Platelets"),
            modality="blood smear, microscopy",
            licence="MIT",
            citation="BCCD dataset, https://github.com/Shenggan/BCCD_Dataset",
            homepage="https://github.com/Shenggan/BCCD_Dataset",
            layout="BCCD/JPEGImages/*.jpg, BCCD/Annotations/*.xml, BCCD/ImageSets/Main/*.txt; or "
            "images/*.jpg, annotations/*.xml",
            how_to_get="Fetch https://github.com/Shenggan/BCCD_Dataset/archive/refs/heads/"
            "master.zip.",
            archives=(
                Archive(
                    url="https://github.com/Shenggan/BCCD_Dataset/archive/refs/heads/master.zip"
                ),
            ),
            colour=True,
        ),
        Preset(
            name="chest-xray-pneumonia",
            description="Frontal chest radiographs of children with and without pneumonia",
            importer="chest_xray_pneumonia:import_chest_xray_pneumonia",
            classes=("NORMAL", "PNEUMONIA"),
            modality="chest radiograph",
            licence="CC BY 4.0",
            citation="Kermany et al., Cell 172:1122 (2018), doi:10.17632/rscbjbr9sj.2",
            homepage="https://data.mendeley.com/datasets/rscbjbr9sj/2",
            layout="chest_xray/train|val|test/NORMAL|PNEUMONIA/*.jpeg (Mendeley: no val)",
            how_to_get="Fetch ChestXRay2017.zip (1.2 GB) from "
            "https://data.mendeley.com/datasets/rscbjbr9sj/2.",
            archives=(
                Archive(
                    url="https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
                    "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded",
                    sha256="13efc055629733dbab07877f8b3c9f81097840dbcdaa326a8542322c2281ce36",
                ),
            ),
        ),
    )
}  # fmt: skip


def find_label_map(text: str) -> LabelMap:
    """Return the label map that ``--label-map`` names: a known one, a file, or words in place.

    Raises:
        InputError: When it is damaged.
        UnknownNameError: When it is none of them.
    """
    if text in LABEL_MAPS:
        return LABEL_MAPS[text]
    if "=" not in text and not Path(text).suffix:
        raise UnknownNameError("label map", text, LABEL_MAPS)
    return read_label_map(text)
