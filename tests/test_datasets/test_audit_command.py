import json
import re
import shlex
import shutil
from dataclasses import replace

import pytest
from test_datasets.audit_data import clean_images, write_records

from medx.datasets.audit import audit as auditing
from medx.datasets.audit.advice import name_dataset
from medx.datasets.audit.result import Audit, Finding
from medx.datasets.manifest import Box
from medx.datasets.manifest_files import load_manifest

HOSTILE = "<script>alert(1)</script> & $x^{ [bold]"


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    images = clean_images(32)
    train, test = images[0], next(i for i in images if i[0].split == "test")
    images[images.index(test)] = (replace(test[0], label=train[0].label), train[1])
    folder = tmp_path_factory.mktemp("data") / "leaking"
    write_records(folder, images)
    return folder


def test_strict_exits_1_after_everything_is_written(cli, leaking, tmp_path):
    result = cli("data", "audit", leaking, "--strict", "--output", tmp_path / "a")
    assert result.exit_code == 1
    assert "1 image stands pixel for pixel in more than one split" in result.stdout
    assert "leaking has 1 finding of severity error" in result.stderr
    assert (tmp_path / "a" / "index.html").is_file()
    assert json.loads((tmp_path / "a" / "audit.json").read_text())["dataset"] == "leaking"


def test_the_advice_is_a_command_that_can_be_typed(cli, leaking, tmp_path):
    folder = shutil.copytree(leaking, tmp_path / "with space")
    findings = cli("data", "audit", folder, "--json").json["findings"]
    advice = next(f["advice"] for f in findings if f["check"] == "duplicates-across-splits")
    words = shlex.split(advice.partition(": ")[2])
    assert words[:4] == ["medx", "data", "split", str(folder)]
    assert cli(*words[1:]).exit_code == 0
    assert "duplicates-across-splits" not in cli("data", "audit", folder, "--json").stdout


@pytest.mark.parametrize("options", ["", " --force"])
def test_a_built_in_dataset_is_advised_into_a_folder_of_its_own(options):
    advice = f"split again: medx data split DATASET{options}"
    finding = Finding(check="c", severity="error", sentence="s", count=1, advice=advice)
    audit = Audit.model_construct(findings=[finding])
    named = name_dataset(audit, "phantom-cxr").findings[0].advice
    assert named == "split again: medx data split phantom-cxr --output phantom-cxr-split"


def test_strict_passes_clean_data(cli, tmp_path):
    write_records(tmp_path / "d", clean_images(16))
    assert cli("data", "audit", tmp_path / "d", "--strict").exit_code == 0


def test_json_is_the_file(cli, leaking, tmp_path):
    result = cli("data", "audit", leaking, "--json")
    written = json.loads((tmp_path / "output/data/audit/leaking/audit.json").read_text())
    assert result.json == written
    assert written["schema_version"] == 1
    assert "Research use only" in written["disclaimer"]


def test_limit_and_no_near_duplicates(cli, leaking):
    audit = cli("data", "audit", leaking, "--json", "--limit", 8, "--no-near-duplicates").json
    assert audit["records"] == 8
    assert "near-duplicates: switched off" in audit["not_checked"]


def test_the_page_shows_the_pairs_and_asks_nobody_for_anything(cli, leaking, tmp_path):
    assert cli("data", "audit", leaking).exit_code == 0  # it is not asked to be strict
    page = (tmp_path / "output/data/audit/leaking/index.html").read_text()
    assert "Synthetic images" in page
    assert "Research use only" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) >= 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "url(" not in page
    assert "split: train" in page
    assert "split: test" in page


def test_hostile_words_are_shown_as_words(cli, tmp_path):
    images = [
        (replace(r, label=HOSTILE, source=HOSTILE if i % 2 else "_b", group=HOSTILE), pixels)
        for i, (r, pixels) in enumerate(clean_images(16))
    ]
    box = Box(label=HOSTILE, x=-3, y=0, width=9, height=9)
    images[0] = (replace(images[0][0], boxes=(box,)), images[0][1])
    write_records(tmp_path / "d", images, classes=("a", HOSTILE))
    result = cli("data", "audit", tmp_path / "d", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_ctrl_c_leaves_no_half_audit(cli, leaking, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(auditing, "probe_source", interrupt)
    result = cli("data", "audit", leaking)
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert not (tmp_path / "output").exists()


def test_spoilt_phantoms_show_what_was_put_into_them(cli, tmp_path):
    spoil = ("--duplicates", 0.1, "--near-duplicates", 0.3, "--across-splits")
    count = ("--count", 60, "--size", 96, "--seed", 2, "--centre-label-bias", 0.95)
    assert cli("data", "synth", "phantom-cxr", "--output", "spoilt", *count, *spoil).exit_code == 0
    truth = json.loads((tmp_path / "spoilt" / "truth.json").read_text())["duplicates"]
    planted = {frozenset((d["id"], d["of"])): d["change"] for d in truth}
    found = {f["check"]: f for f in cli("data", "audit", "spoilt", "--json").json["findings"]}
    exact = {frozenset(i["ids"]) for i in found["duplicates-across-splits"]["instances"]}
    near = {frozenset(i["ids"]) for i in found["near-duplicates-across-splits"]["instances"]}
    assert exact == {pair for pair, change in planted.items() if change is None}
    assert near >= {pair for pair, change in planted.items() if change}
    # A copy under another patient's name also resembles the other films of its true patient.
    original = {d["id"]: d["of"] for d in truth}
    patients = {record.id: record.group for record in load_manifest(tmp_path / "spoilt").records}
    assert {len({patients[original.get(id_, id_)] for id_ in pair}) for pair in near} == {1}
    assert "label-follows-source" in found


def test_no_dataset_is_one_clear_line(cli, tmp_path):
    result = cli("data", "audit", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "no dataset folder" in result.stderr
