import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage
from test_case.broken_engine import BrokenEngine

from medx.case.results import CaseResult, NoReport
from medx.core.errors import InputError
from medx.core.images import read_image
from medx.core.pixels import Pixels
from reportgen.config import ReportConfig
from reportgen.engines.choose import ChosenEngine


def colour_noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_a_study_holds_what_each_part_says(bench, film):
    study = bench.study(film)
    result = study.result
    assert (result.image_id, result.native_size, result.withheld) == ("film", (28, 28), None)
    assert [hit.split for hit in result.neighbours] == ["train"] * 5
    assert set(study.pictures) == {hit.id for hit in result.neighbours}
    assert result.prediction.conformal_set is not None
    assert result.report is not None
    assert result.report.evidence.neighbours == result.neighbours
    assert result.agreement == result.report.agreement is not None
    assert result.is_mock
    assert result.synthetic_source
    steps = {"reading", "prediction", "heat-map", "similar cases", "report", "total"}
    assert result.seconds.keys() == steps
    assert CaseResult.model_validate_json(result.model_dump_json()) == result


def test_pixels_say_the_same_as_their_file(bench, film):
    from_file = bench.study(film).result
    from_pixels = bench.study(read_image(film).pixels, name="film").result
    unlike = {"seconds", "created", "report"}
    assert from_file.model_dump(exclude=unlike) == from_pixels.model_dump(exclude=unlike)
    assert from_file.report.text == from_pixels.report.text


def test_a_copy_of_an_archived_image_is_said_and_its_label_is_not(bench, two_class, tmp_path):
    original = next((two_class / "images").glob("train-pneumonia-*.png"))
    result = bench.study(shutil.copy(original, tmp_path / "film.png")).result
    assert any("pixels are in the archive (train)" in warning for warning in result.warnings)
    assert result.synthetic
    assert original.stem not in result.model_dump_json()
    assert "label" not in CaseResult.model_fields


def test_a_copy_of_a_test_image_is_known_to_be_drawn_and_was_not_learned(bench, film):
    result = bench.study(film).result
    assert result.synthetic
    assert not any("in the archive" in warning for warning in result.warnings)


def test_an_unlike_image_is_shown_and_not_reported(bench):
    study = bench.study(colour_noise())
    result = study.result
    assert result.prediction.out_of_distribution
    assert result.report is None
    assert result.withheld.kind is NoReport.refused
    assert "unlike" in result.withheld.reason
    assert result.warnings[0].startswith("not reported: ")
    assert len(result.neighbours) == 5
    assert not result.is_mock


def test_a_failing_engine_leaves_the_rest(bench, film):
    chosen = ChosenEngine(engine=BrokenEngine(ReportConfig()), reason="asked for")
    result = replace(bench, chosen=chosen).study(film).result
    assert result.withheld.kind is NoReport.failed
    assert (result.withheld.reason, result.withheld.hint) == ("the engine broke", "mend it")
    assert len(result.neighbours) == 5


def test_neighbours_whose_dataset_is_gone_are_still_listed(bench, film, monkeypatch, capfd):
    index = bench.gallery.index
    gone = index.description.model_copy(update={"dataset_source": "/nowhere/at-all"})
    monkeypatch.setattr(index, "description", gone)
    study = bench.study(film)
    assert study.pictures == {}
    assert len(study.result.neighbours) == 5
    assert "5 of 5 similar cases unseen" in capfd.readouterr().err


def test_a_folder_or_several_frames_are_no_case(bench, tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        bench.study(tmp_path)
    pages = [PILImage.fromarray(np.full((20, 20), shade, np.uint8)) for shade in (10, 200)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match="holds 2 images") as caught:
        bench.study(tmp_path / "two.tif")
    assert "file of its own" in caught.value.hint
