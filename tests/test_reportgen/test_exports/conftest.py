"""Reports as the mock writes them, with pictures and a study of an invented patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from test_datasets.dicom_files import write_dicom

from medx.core.quiet import quiet
from medx.core.values import HeatMap
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine
from reportgen.exports.document import document_of
from reportgen.exports.material import Material
from reportgen.exports.study import read_study
from reportgen.generate import generate_reports
from reportgen.report_files import read_report


@pytest.fixture
def make_report(make_items, scripted, strategies, tmp_path):
    """Write one report: by the mock, or with the text given."""

    def build(text=None, *, strategy="structured", pixels=None, **evidence):
        (item,) = make_items(1, **evidence)
        if pixels is not None:
            item = replace(item, pixels=pixels)
        chosen = scripted(text) if text else choose_engine(ReportConfig(engine="mock"))
        folder = tmp_path / "run"
        result = generate_reports([item], [strategies[strategy]], chosen, folder)
        return read_report(folder / result.reports[0].path)

    return build


@pytest.fixture
def make_document(make_report):
    def build(text=None, **given):
        return document_of(make_report(text, **given))

    return build


@pytest.fixture
def heatmap():
    values = np.zeros((7, 7), np.float32)
    values[1, 1] = 1.0
    return HeatMap(
        id="case-0", label="pneumonia", method="gradcam", classifier="toy", peak=(0.2, 0.2),
        zone="upper left", values=values,
    )  # fmt: skip


@pytest.fixture
def make_study(tmp_path):
    """Write a film and read its study."""

    def build(frame=0, pixels=None, **tags):
        # Scanners write values that DICOM forbids, and so must a test of what is made of them.
        validation = pydicom.config.settings.writing_validation_mode
        pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
        try:
            with quiet():
                write_dicom(tmp_path / "film.dcm", pixels, **tags)
        finally:
            pydicom.config.settings.writing_validation_mode = validation
        return read_study(tmp_path / "film.dcm", frame)

    return build


@pytest.fixture
def make_material(make_document, make_study, heatmap):
    """Return everything an export can take, of the mock's structured report by default."""

    def build(text=None, *, study=None, **given):
        return Material(
            document=make_document(text, **given),
            pixels=np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8),
            heatmap=heatmap,
            study=study or make_study(),
        )

    return build
