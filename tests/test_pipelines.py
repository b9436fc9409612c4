"""Each command of docs/pipelines.md, word for word, on a drawn twin of its dataset."""

import json
import re
import shlex
from pathlib import Path

import pipeline_twins as twins
import pytest
import torch
import yaml
from safetensors.torch import load_file

from medx.datasets.manifest_files import load_manifest

PAGE = Path(__file__).parents[1] / "docs" / "pipelines.md"
#: What makes a training small. On noise the head's epoch may be the best: the last is kept, so
#: that what the second phase did can be seen.
SMALL = ("--epochs", 1, "--set", "head_epochs=1", "--set", "keep=last")


def documented(section):
    """Return the commands below a heading of the page, as lists of words."""
    text = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)[1]
    (block,) = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]


@pytest.fixture
def run_documented(cli, tmp_path, monkeypatch):
    """Return a function that runs the commands of a section and returns what they printed."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("MEDX_DATA_DIR", str(tmp_path / "data"))

    def run(section, model, *, size=32):
        weights = twins.write_weights(model, tmp_path / f"{model}.safetensors")
        printed = []
        for medx, group, command, *rest in documented(section):
            more = ("--device", "cpu") if group == "classify" else ()
            if command == "train":
                more += ("--weights", weights, "--size", size, *SMALL)
            elif group == "classify":
                more += ("--resamples", 50)
            result = cli(group, command, *rest, *more)
            assert (medx, result.exit_code) == ("medx", 0), (command, result.stderr)
            printed.append(result.stdout)
        return printed

    return run


def results(command):
    """Return what the runs of a command stored, in the order they were made."""
    found = Path("output", "classify", command).glob("*/metrics.json")
    return [json.loads(p.read_text()) for p in sorted(found, key=lambda p: p.stat().st_mtime_ns)]


def stored(run):
    return yaml.safe_load(Path("output", "classify", "train", run, "config.yaml").read_text())


def ledger(run):
    lines = Path("output", "classify", "train", run, "test_ledger.jsonl").read_text().splitlines()
    return [(entry["dataset"], entry["split"]) for entry in map(json.loads, lines)]


def changed(model, run):
    """Return the tensors that differ between the file a network started from and its run."""
    before = load_file(f"{model}.safetensors")
    after = load_file(Path("output", "classify", "train", run, "model.safetensors"))
    own = {name: before[name.removeprefix("network.")] for name in after}
    return {name for name in after if not same(own[name], after[name])}


def same(published, kept):
    """Return whether a tensor is as published; of grey networks the first one sums the colours."""
    if published.ndim == 4 and published.shape[1] == 3 and kept.shape[1] == 1:
        return torch.allclose(published.sum(dim=1, keepdim=True), kept)
    return torch.equal(published, kept) if published.shape == kept.shape else False


def of_splits(folder, field):
    """Return the values of a field by split."""
    found = {}
    for record in load_manifest(Path(folder)).records:
        found.setdefault(record.split, set()).add(getattr(record, field))
    return found


def disjoint(parts):
    values = [value for part in parts.values() for value in part]
    return len(values) == len(set(values))


@pytest.mark.slow
def test_malaria(run_documented):
    twins.write_bbbc041(Path("data/bbbc041"))
    twins.write_nih_malaria(Path("data/nih-malaria"))
    printed = run_documented("Malaria", "resnet34")
    assert all("synthetic" in text for text in printed)

    assert load_manifest(Path("cells")).classes == ("uninfected", "infected")
    fields, cells = of_splits("fields", "id"), of_splits("cells", "group")
    assert disjoint(cells)
    assert cells["test"] == fields["test"]
    assert cells["train"] | cells["val"] == fields["train"]

    (trained,), settings = results("train"), stored("malaria")
    assert trained["initial_weights"] == "file resnet34.safetensors"
    assert settings["balanced_sampling"]
    assert changed("resnet34", "malaria") == {"network.fc.weight", "network.fc.bias"}

    inside, outside = results("evaluate")
    assert (inside["dataset"], inside["positive"]) == ("bbbc041-crops", "infected")
    assert (outside["dataset"], outside["split"]) == ("nih-malaria", "all")
    cells_of_nih = Path("data", "nih-malaria", "cell_images")
    assert outside["support"] == {
        "uninfected": len(list((cells_of_nih / "Uninfected").iterdir())),
        "infected": len(list((cells_of_nih / "Parasitized").iterdir())),
    }
    assert (outside["bootstrap_unit"], outside["left_out"]) == ("patient", {})

    (compared,) = results("compare")
    ways = [("bbbc041-crops val", "bbbc041-crops test"), ("bbbc041-crops test", "nih-malaria all")]
    assert [(gap["start"], gap["end"]) for gap in compared["gaps"]] == ways
    assert all(gap["metrics"]["auroc"]["low"] is not None for gap in compared["gaps"])
    assert ledger("malaria") == [("bbbc041-crops", "test"), ("nih-malaria", "all")] * 2
    assert [row["test_evaluations"] for row in compared["rows"]] == [2, 2]


def test_leukocytes(run_documented):
    twins.write_leukocytes(Path("data/leukocytes"))
    printed = run_documented("Leukocytes", "resnet18")
    assert all("synthetic" in text for text in printed)

    paths = of_splits("wbc", "path")
    assert disjoint(paths)
    assert all(("/Test" in path) == (split == "test") for split in paths for path in paths[split])
    assert of_splits("wbc", "label")["val"] == set(twins.LEUKOCYTES)

    (trained,) = results("train")
    assert trained["classes"] == list(twins.LEUKOCYTES)
    head, network = trained["history"]
    assert (head["phase"], network["phase"]) == ("head", "network")
    settings = stored("leukocytes")
    assert settings["head_learning_rate"] == pytest.approx(10 * settings["learning_rate"])
    learned = {name.split(".")[1] for name in changed("resnet18", "leukocytes")}
    assert learned >= {"conv1", "layer1", "layer2", "layer3", "layer4", "fc"}

    (measured,) = results("evaluate")
    assert measured["n"] == len(paths["test"])
    assert list(measured["by_class"]) == list(twins.LEUKOCYTES)
    assert ledger("leukocytes") == [("leukocytes", "test")]


def test_chest_radiographs(run_documented):
    leak = twins.write_cxr_3class(Path("data/cxr-3class"))
    printed = run_documented("Chest radiographs", "efficientnet_b0")
    assert all("synthetic" in text for text in printed)

    dropped = Path("cxr", "dropped.csv").read_text().splitlines()[1:]
    assert len(dropped) == 1
    assert leak in dropped[0]
    assert disjoint(of_splits("cxr", "path"))

    (trained,) = results("train")
    assert trained["classes"] == ["NORMAL", "PNEUMONIA", "TUBERCULOSIS"]
    settings = stored("cxr")
    assert (settings["loss"], settings["class_weights"]) == ("cross-entropy", "inverse-frequency")
    assert (settings["schedule"], settings["balanced_sampling"]) == ("cosine", False)
    learned = {".".join(name.split(".")[1:4]) for name in changed("efficientnet_b0", "cxr")}
    last_two = {f"blocks.5.{i}" for i in range(4)} | {"blocks.6.0"}
    assert {name for name in learned if name.startswith("blocks")} == last_two
    assert not [name for name in learned if name.startswith(("conv_stem", "bn1"))]
    assert results("evaluate")[0]["n"] == len(of_splits("cxr", "id")["test"])
    assert ledger("cxr") == [("cxr-3class", "test")]


@pytest.mark.slow
def test_bone_tumours(run_documented):
    twins.write_btxrd(Path("data/btxrd"))
    # Two by two cells are the least that a map can point with.
    printed = run_documented("Bone tumours", "efficientnet_b0", size=64)
    assert all("synthetic" in text for text in printed)
    assert {len(record.boxes) for record in load_manifest(Path("bone")).records} == {0, 1}

    for folder in ("bone-mixed", "bone-centre-3"):
        assert disjoint(of_splits(folder, "path"))
    counts = load_manifest(Path("bone-mixed")).counts()
    assert all(max(row.values()) - min(row.values()) <= 1 for row in counts.values())
    centres = of_splits("bone-centre-3", "source")
    assert centres["test"] == {"centre 3"}
    assert centres["train"] | centres["val"] == {"centre 1", "centre 2"}

    mixed, held_out = results("evaluate")
    assert (mixed["classifier"], held_out["classifier"]) == ("bone-mixed", "bone-centre-3")
    assert [group["value"] for group in held_out["subgroups"]] == ["centre 3"]
    for metric in ("auroc", "balanced_accuracy", "sensitivity"):
        for value in (mixed["metrics"][metric], held_out["metrics"][metric]):
            assert value["low"] <= value["estimate"] <= value["high"]
            assert value["method"].startswith("percentile bootstrap")

    (explained,) = results("explain")
    rows = {row["label"]: row for row in explained["localisation"]}
    assert rows.keys() == {"all", "benign", "malignant"}
    assert rows["all"]["n"] == 16 > rows["all"]["empty_maps"]
    assert all(0 < row["chance"]["pointing_game"] < 1 for row in rows.values())
    assert all(0 < row["chance"]["iou"] < 1 for row in rows.values())
    assert ledger("bone-mixed") == [("btxrd", "test")]
    assert ledger("bone-centre-3") == [("btxrd", "test")] * 2


def test_pneumoniamnist(run_documented):
    twins.write_pneumoniamnist(Path("data/pneumoniamnist.npz"))
    run_documented("PneumoniaMNIST", "efficientnet_b0")
    (trained,) = results("train")
    settings = stored("pneumonia")
    assert (settings["loss"], settings["focal_gamma"]) == ("focal", 2.0)
    assert (trained["classes"], trained["model"]) == (["normal", "pneumonia"], "efficientnet_b0")
    assert (trained["size"], trained["n_train"], trained["n_val"]) == (32, 64, 24)

    (measured,) = results("evaluate")
    assert measured["operating_point"] == trained["operating_point"]
    assert measured["selection"] == "selected on val; test evaluated once"
    assert ledger("pneumonia") == [("pneumoniamnist", "test")]


def test_every_pipeline_of_the_page_is_run():
    sections = set(re.findall(r"^## (.*)$", PAGE.read_text(), re.M))
    assert sections == {
        "Malaria", "Leukocytes", "Chest radiographs", "Bone tumours", "PneumoniaMNIST"
    }  # fmt: skip
