"""Ways in: one function a layout, each turning a source into an ``Imported``."""

from __future__ import annotations

from medx.core.registry import Entry, Registry

FORMATS = Registry(
    "format",
    {
        name: Entry(f"medx.datasets.importers.{module}:{function}", summary)
        for name, module, function, summary in (
            ("folder", "folder", "import_folder", "a folder per class, or train|val|test/class"),
            ("table", "table", "import_table", "CSV, TSV, Parquet or XLSX with a path column"),
            ("medmnist", "medmnist", "import_medmnist", "a MedMNIST .npz or its name"),
            ("coco", "coco", "import_coco", "COCO JSON with boxes"),
            ("voc", "voc", "import_voc", "Pascal VOC XML with boxes"),
            ("labelme", "labelme", "import_labelme", "LabelMe JSON, one file an image"),
            ("bbbc041-json", "bbbc041", "import_bbbc041", "BBBC041's JSON: min/max r, c boxes"),
            ("dicom", "dicom", "import_dicom", "a tree of DICOM files"),
        )
    },
)
