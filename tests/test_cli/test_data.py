import subprocess
import sys
from pathlib import Path

import pytest
from conftest import write_dataset
from test_datasets.test_medmnist import write_npz


def test_list_says_what_is_at_hand(cli, tmp_path):
    write_npz(tmp_path / "pneumoniamnist.npz")
    listing = cli("data", "list", "--data-dir", tmp_path, "--json").json
    rows = {row["name"]: row for row in listing["datasets"]}
    assert rows["pneumoniamnist"]["at_hand"] == ["28"]
    assert rows["pathmnist"]["at_hand"] == []
    assert "synthetic" in rows["phantom-cxr"]["kind"]
    assert "pneumoniamnist" in cli("data", "list").stdout
    assert "[" not in cli("data", "list", "--data-dir", tmp_path).stdout


def test_info_counts_and_cites(cli, real_data):
    about = cli("data", "info", "pneumoniamnist", "--data-dir", real_data, "--json").json
    assert about["totals"] == {"train": 4708, "val": 524, "test": 624}
    assert about["image_size"] == "28×28, grey"
    assert about["licence"] == "CC BY 4.0"
    table = cli("data", "info", "pneumoniamnist", "--data-dir", real_data).stdout
    assert "pneumonia" in table
    assert "3494" in table


def test_info_of_a_folder(cli, two_class):
    about = cli("data", "info", two_class, "--json").json
    assert about["labels"] == ["normal", "pneumonia"]
    assert cli("data", "info", two_class).stdout.startswith("two (synthetic)")


def test_info_shows_the_splits_in_their_usual_order(cli, tmp_path):
    manifest = write_dataset(tmp_path / "d", {"a": 2}) / "manifest.csv"
    head, *rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([head, *reversed(rows)]))
    header = next(
        line for line in cli("data", "info", manifest.parent).stdout.splitlines() if " val" in line
    )
    assert header.split() == ["label", "train", "val", "test"]


def test_info_of_absent_data_comes_from_the_registry(cli):
    about = cli("data", "info", "pneumoniamnist_64", "--json").json
    assert about["location"] == "not on this machine"
    assert about["totals"] == {"train": 4708, "val": 524, "test": 624}
    assert about["image_size"] == "64×64, grey"
    assert about["labels"] == ["normal", "pneumonia"]
    shown = cli("data", "info", "pneumoniamnist").stdout
    assert "CC BY 4.0" in shown
    assert "4708" in shown


def test_download_without_a_network_offers_the_built_in_data(cli):
    result = cli("data", "download", "pneumoniamnist")
    assert result.exit_code == 1
    assert "pneumoniamnist.npz" in result.stderr
    assert "phantom-cxr" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 2


def test_unknown_dataset_gets_a_near_name(cli):
    result = cli("data", "info", "pnumoniamnist")
    assert result.exit_code == 1
    assert "did you mean 'pneumoniamnist'" in result.stderr


def test_wrong_usage_exits_2(cli):
    assert cli("data", "info").exit_code == 2
    assert cli("data", "inof", "x").exit_code == 2


def test_two_folders_of_one_name_keep_their_own_outputs(cli, tmp_path):
    folder = write_dataset(tmp_path / "first", {"a": 2})
    cli("data", "split", folder, "--output", tmp_path / "second", "--keep-official")
    for name in ("first", "second"):
        cli("data", "audit", tmp_path / name)
        cli("data", "show", tmp_path / name)
    assert sorted(p.name for p in Path("output/data/audit").iterdir()) == ["first", "second"]
    assert sorted(p.stem for p in Path("output/data/show").iterdir()) == ["first", "second"]


@pytest.mark.parametrize(
    ("work", "args"),
    [
        ("split.splitting.split_dataset", ("split", "{data}", "--force")),
        ("contact_sheet.build_contact_sheet", ("show", "{data}")),
        ("crop.crop_dataset", ("crop", "{data}", "--output", "new")),
        ("importers.sources.read_source", ("import", "{data}", "--output", "new")),
        ("synth.synthesise_cxr", ("synth", "phantom-cxr", "--output", "new")),
        ("synth.synthesise_smear", ("synth", "phantom-smear", "--output", "new")),
    ],
)
def test_ctrl_c_says_what_is_left(cli, two_class, monkeypatch, work, args):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"medx.datasets.{work}", interrupt)
    result = cli("data", *(arg.format(data=two_class) for arg in args))
    assert result.exit_code == 130
    assert result.stderr.startswith("interrupted: ")
    assert not Path("new").exists()


HELP = """
import sys
from medx.cli import main
for args in {commands}:
    try:
        main([*args, "--help"])
    except SystemExit as stop:
        assert stop.code == 0, args
heavy = {{"torch", "transformers", "faiss", "open_clip", "numpy", "timm"}} & set(sys.modules)
assert not heavy, heavy
"""


def test_every_help_answers_without_a_framework():
    commands = [
        [], ["data"], ["data", "list"], ["data", "info"], ["data", "download"],
        ["data", "split"], ["data", "show"], ["data", "synth"], ["data", "synth", "phantom-smear"],
        ["classify"], ["classify", "train"], ["classify", "evaluate"], ["classify", "predict"],
        ["retrieve"], ["retrieve", "build"], ["retrieve", "text-search"],
        ["retrieve", "image-search"], ["retrieve", "evaluate"], ["retrieve", "list"],
        ["retrieve", "train-encoder"], ["report"], ["report", "generate"], ["demo"],
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", HELP.format(commands=commands)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
