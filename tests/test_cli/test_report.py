import inspect
import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from test_retrieval.toy_encoder import ToyEncoder

from classify.config import TrainConfig
from classify.training.train import train
from medx.cli import report as command
from medx.core.registry import Entry
from medx.core.settings import DISCLAIMER
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest_files import load_manifest, save_dataset
from reportgen.config import ReportConfig
from reportgen.engines import ENGINES
from reportgen.engines.mock import MockEngine
from reportgen.report_set import ReportSet
from reportgen.strategies import STRATEGIES
from retrieval.build import build_index
from retrieval.encoders import ENCODERS

ENCODERS.register("toy", Entry("test_retrieval.toy_encoder:ToyEncoder"))


class Interrupted(MockEngine):
    """Stops after two reports, as Ctrl-C does."""

    name = "interrupted"
    written = 0

    def generate(self, request):
        type(self).written += 1
        if type(self).written == 3:
            raise KeyboardInterrupt
        return super().generate(request)


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch):
    """An empty hub cache: what this machine has must not decide a test."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def run_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "train"
    config = TrainConfig(dataset=str(two_class), epochs=2, device="cpu")
    train(config, folder, load_dataset(str(two_class)))
    return folder


@pytest.fixture(scope="module")
def index_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexes") / "two-toy"
    build_index(load_dataset(str(two_class)), ToyEncoder(), folder)
    return folder


@pytest.fixture
def generate(cli, two_class, run_dir, index_dir):
    def run(*args, dataset=two_class):
        known = ("--dataset", dataset, "--run", run_dir, "--index", index_dir)
        return cli("report", "generate", *args, *known, "--device", "cpu")

    return run


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "film.png"
    PILImage.fromarray(np.random.default_rng(0).integers(0, 256, (60, 50), np.uint8)).save(path)
    return path


def read(result):
    """Return the reports of a run from their files."""
    folder = Path(result["run_dir"])
    return [json.loads((folder / row["path"]).read_text()) for row in result["reports"]]


def pairs(result):
    return {(r["image_id"], r["strategy"]) for r in result["reports"]}


def test_all_strategies_report_on_the_same_images(generate):
    done = generate("--strategy", "all", "--num-samples", 4, "--engine", "mock", "--json")
    assert done.exit_code == 0, done.stderr
    result = done.json
    assert ReportSet.model_validate(result).contract_met == 4 * len(list(STRATEGIES))
    images = {image for image, _ in pairs(result)}
    assert pairs(result) == {(i, s) for i in images for s in STRATEGIES}
    assert len(images) == 4


def test_evidence_is_real_and_neighbours_are_of_train(generate):
    result = generate("--num-samples", 3, "--engine", "mock", "--json").json
    for report in read(result):
        evidence = report["evidence"]
        assert sum(evidence["prediction"]["probabilities"].values()) == pytest.approx(1)
        assert len(evidence["neighbours"]) == 5
        assert {hit["split"] for hit in evidence["neighbours"]} == {"train"}
        assert report["synthetic"]


def test_the_run_folder_describes_itself(generate, tmp_path):
    done = generate("--num-samples", 2, "--engine", "mock", "--output", tmp_path / "set")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert {"config.yaml", "environment.json", "metrics.json", "reports.md", "images"} <= names
    assert len(list((tmp_path / "set" / "reports").glob("*--structured.json"))) == 2


def test_the_table_says_mock_and_research_only(generate):
    out = generate("--num-samples", 2, "--engine", "mock").stdout
    assert out.startswith("MOCK REPORTS")
    assert "probability" in out
    assert DISCLAIMER in out


def test_auto_names_the_reason_in_result_and_stderr(generate):
    done = generate("--num-samples", 1, "--json")
    assert done.json["engine"] == "mock"
    assert "not in the hub cache" in done.json["engine_reason"]
    assert "warning: writing mock reports: no MedGemma weights" in done.stderr


def test_swapped_true_labels_change_no_prompt_and_no_report(generate, two_class, tmp_path):
    swapped = shutil.copytree(two_class, tmp_path / "two")
    dataset = load_manifest(swapped)
    other = dict(zip(dataset.classes, reversed(dataset.classes), strict=True))
    records = tuple(
        replace(r, label=other[r.label]) if r.split == "test" else r for r in dataset.records
    )
    save_dataset(replace(dataset, records=records), swapped)
    found = []
    for folder in (two_class, swapped):
        done = generate(
            "--num-samples", 60, "--engine", "mock", "--strategy", "all", "--json", dataset=folder
        )
        found.append({(r["image_id"], r["strategy"]): r for r in read(done.json)})
    assert found[0].keys() == found[1].keys()
    for key, report in found[0].items():
        for field in ("text", "prompt", "system_prompt", "evidence", "items", "sections"):
            assert report[field] == found[1][key][field]


def test_image_files_are_reported_on_with_their_origin_noted(generate, picture):
    done = generate(picture, "--engine", "mock", "--allow-unlike", "--json")
    assert done.exit_code == 0, done.stderr
    (report,) = read(done.json)
    assert report["evidence"]["image_size"] == [60, 50]
    assert "this file may differ from it" in report["items"][-1]["statement"]
    assert not report["synthetic"]


def test_bad_image_files_are_named(generate, picture, tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("not an image")
    cut = tmp_path / "cut.png"
    cut.write_bytes(picture.read_bytes()[:200])
    for bad in (text, cut, tmp_path / "missing.png"):
        done = generate(bad, "--engine", "mock")
        assert done.exit_code == 1
        assert bad.name in done.stderr


def test_an_empty_folder_of_images_is_an_error(generate, tmp_path):
    (tmp_path / "empty").mkdir()
    done = generate(tmp_path / "empty", "--engine", "mock")
    assert done.exit_code == 1
    assert "no images in" in done.stderr


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (("--strategy", "conzise"), "unknown strategy 'conzise'", "did you mean 'concise'?"),
        (("--engine", "mocc"), "unknown engine 'mocc'", "did you mean 'mock'?"),
        (("--weights", "nowhere"), "no such folder", "accept the terms"),
        (("--engine", "medgemma"), "offline mode (--offline", "--weights DIR"),
        (("--engine", "medgemma", "--model", "a b"), "neither a folder nor", "hub ids look like"),
        (("--resume",), "--resume needs the --name", ""),
    ],
)
def test_bad_requests_fail_before_any_work(args, message, hint, generate, tmp_path):
    done = generate(*args)
    assert done.exit_code == 1
    assert message in done.stderr
    assert hint in done.stderr
    assert not (tmp_path / "output").exists()


def test_counts_of_samples_are_checked(generate):
    assert generate("--num-samples", 0).exit_code == 2
    done = generate("--num-samples", 61, "--engine", "mock")
    assert done.exit_code == 1
    assert "61 samples were asked for, and there are 60 images" in done.stderr
    assert "use --num-samples 60 or less" in done.stderr


def test_the_default_count_takes_what_there_is_and_says_so(generate):
    done = generate("--limit", 3, "--engine", "mock", "--json")
    assert len(done.json["reports"]) == 3
    assert "there are only 3 images: reporting on all of them" in done.stderr


def test_choosing_samples_of_files_is_refused(generate, picture):
    done = generate(picture, "--num-samples", 1, "--engine", "mock")
    assert done.exit_code == 1
    assert "--num-samples cannot go with IMAGES" in done.stderr


def test_a_name_is_used_once_unless_resumed(generate):
    request = ("--num-samples", 2, "--engine", "mock", "--name", "one", "--json")
    assert generate(*request).json["resumed"] == 0
    again = generate(*request)
    assert again.exit_code == 1
    assert "pass --resume" in again.stderr
    assert generate(*request, "--resume").json["resumed"] == 2


def test_resuming_with_other_images_is_refused(generate):
    request = ("--engine", "mock", "--name", "one")
    assert generate(*request, "--num-samples", 2).exit_code == 0
    done = generate(*request, "--num-samples", 3, "--resume")
    assert done.exit_code == 1
    assert "was started with num_samples 2, not 3" in done.stderr
    assert "--num-samples 2" in done.stderr


def test_ctrl_c_keeps_reports_and_resume_finishes(generate, tmp_path, monkeypatch):
    monkeypatch.setattr(Interrupted, "written", 0)
    monkeypatch.setattr(ENGINES, "_entries", ENGINES._entries.copy())
    ENGINES.register("interrupted", Entry(f"{__name__}:Interrupted"))
    request = ("--num-samples", 5, "--engine", "interrupted", "--name", "cut", "--json")
    stopped = generate(*request)
    assert stopped.exit_code == 130
    assert "2 of 5 reports" in stopped.stderr
    go_on = next(line for line in stopped.stderr.splitlines() if line.startswith("to go on: "))
    assert "--name cut" in go_on
    assert go_on.endswith("--resume")
    done = generate(*request, "--resume").json
    assert (done["resumed"], len(done["reports"])) == (2, 5)
    kept = (tmp_path / "output/report/generate/cut/reports").glob("*.json")
    assert {json.loads(p.read_text())["image_id"] for p in kept} == {
        r["image_id"] for r in done["reports"]
    }


def test_the_command_to_go_on_stays_out_of_the_log(generate, picture, tmp_path, monkeypatch):
    monkeypatch.setattr(Interrupted, "written", 2)
    monkeypatch.setattr(ENGINES, "_entries", ENGINES._entries.copy())
    ENGINES.register("interrupted", Entry(f"{__name__}:Interrupted"))
    stopped = generate(picture, "--engine", "interrupted", "--allow-unlike", "--name", "cut")
    assert stopped.exit_code == 130
    assert str(picture) in stopped.stderr
    log = (tmp_path / "output/report/generate/cut/log.txt").read_text()
    assert "interrupted: 0 of 1 reports" in log
    assert str(picture) not in log


def test_options_and_settings_agree():
    options = inspect.signature(command.generate).parameters
    for field in fields(ReportConfig):
        name = {"strategies": "strategy"}.get(field.name, field.name)
        assert name in options
        default = options[name].default
        if field.name not in {"strategies", "device"}:
            assert default == field.default
