import json

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.case.bundle import export_study, read_sources, save_study
from medx.case.results import CaseResult
from medx.core.errors import InputError, UnknownNameError
from medx.core.images import read_image
from reportgen.report import Report


def test_a_bundle_holds_facts_page_pictures_and_report(bench, film, tmp_path):
    study, folder = bench.study(film), tmp_path / "bundle"
    page = save_study(study, folder)
    assert page == folder / "case.html"
    assert CaseResult.model_validate_json((folder / "case.json").read_text()) == study.result
    report = Report.model_validate_json((folder / "report.json").read_text())
    assert report == study.result.report
    assert (read_image(folder / "image.png").pixels == study.pixels).all()
    names = sorted(path.name for path in (folder / "neighbours").iterdir())
    assert names == [f"N{n}.png" for n in range(1, 6)]
    first = study.result.neighbours[0].id
    assert (read_image(folder / "neighbours" / "N1.png").pixels == study.pictures[first]).all()
    assert (folder / "heatmap.png").is_file() == (study.result.heatmap is not None)


def test_a_refused_case_leaves_a_bundle_without_report(bench, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    study = bench.study(noise)
    save_study(study, tmp_path)
    assert json.loads((tmp_path / "case.json").read_text())["withheld"]["kind"] == "refused"
    assert not (tmp_path / "report.json").exists()
    with pytest.raises(ValueError, match="must have a report"):
        export_study(study, {"html": None}, tmp_path)


def test_exports_lie_beside_and_show_the_pictures(bench, film, tmp_path):
    study = bench.study(film)
    written = export_study(study, read_sources(film, ["html", "md"]), tmp_path)
    assert [export.path for export in written] == [
        str(tmp_path / "report.html"), str(tmp_path / "report.md"),
    ]  # fmt: skip
    assert written[0].with_image
    assert written[0].with_heatmap == (study.heatmap is not None)


def test_what_a_format_lacks_is_said_before_anything_is_computed(film, tmp_path):
    with pytest.raises(UnknownNameError, match="docx"):
        read_sources(film, ["docx"])
    with pytest.raises(InputError, match="no DICOM"):
        read_sources(film, ["html", "dicom-sr"])
    PILImage.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "film.jpg")
    assert read_sources(tmp_path / "film.jpg", ["fhir", "pdf"]) == {"fhir": None, "pdf": None}
