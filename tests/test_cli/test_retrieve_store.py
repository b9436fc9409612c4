import json
import shutil

import pytest
from conftest import write_dataset

from medx.core import settings
from medx.core.registry import Entry
from retrieval.encoders import ENCODERS

ENCODERS.register(
    "toy", Entry("test_retrieval.toy_encoder:ToyEncoder", "mean grey value of each ninth")
)


@pytest.fixture
def folder(two_class, tmp_path):
    """A dataset of 180 images that a test may change."""
    return shutil.copytree(two_class, tmp_path / "two")


@pytest.fixture
def built(cli, folder):
    """The command, with an index ``two-toy`` of it."""
    assert cli("retrieve", "build", "--dataset", folder, "--encoder", "toy").exit_code == 0
    return cli


def test_an_index_follows_its_dataset(built, folder):
    images = folder / "images"
    (images / "val-normal-000.png").unlink()
    shutil.copy(images / "test-normal-001.png", images / "val-normal-001.png")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("val-normal-002,", "val-other-002,"))
    stale = built("retrieve", "text-search", "normal", "--dataset", folder, "--encoder", "toy")
    assert "two-toy is out of date" in stale.stderr
    assert "medx retrieve update two-toy" in stale.stderr
    result = built("retrieve", "update", "two-toy", "--json").json
    assert (result["added"], result["changed"], result["removed"]) == (1, 1, 2)
    assert (result["embedded"], result["count"]) == (0, 179)
    assert [skipped["id"] for skipped in result["skipped"]] == ["val-normal-000"]
    fresh = built("retrieve", "text-search", "normal", "--dataset", folder, "--encoder", "toy")
    assert fresh.exit_code == 0
    again = built("retrieve", "update", "two-toy")
    assert "179 unchanged, 1 skipped; now 179 images in 2 segments" in again.stdout


def test_add_another_dataset(built, tmp_path):
    other = write_dataset(tmp_path / "other", {"normal": 2, "ring": 1}, seed=7)
    result = built("retrieve", "add", "two-toy", "--dataset", other)
    assert "index two-toy: 9 added; now 189 images in 2 segments" in result.stdout
    assert "the dataset's name stands before other/train-normal-000" in result.stderr
    info = built("retrieve", "info", "two-toy", "--json").json
    assert [origin["name"] for origin in info["origins"]] == ["two", "other"]
    assert "dataset" in info["columns"]
    listed = built("retrieve", "list", "--json").json["indexes"][0]
    assert listed["dataset"] == "two, other"
    title = built("retrieve", "text-search", "x", "--index", "two-toy").stdout
    assert "among 189 SYNTHETIC images of two, other" in " ".join(title.split())
    only = ("--where", "dataset = 'other'", "--top-k", 8)
    query = "other/test-normal-000"
    found = built("retrieve", "image-search", query, "--index", "two-toy", "--json", *only).json
    assert len({hit["id"] for hit in found["hits"]} - {query}) == 8
    shared = built(
        "retrieve", "text-search", "x", "--dataset", tmp_path / "two", "--encoder", "toy"
    )
    assert "holds images of other datasets, too (other)" in shared.stderr


def test_add_takes_no_dataset_for_granted(built):
    result = built("retrieve", "add", "two-toy")
    assert (result.exit_code, "Missing option '--dataset'" in result.stderr) == (2, True)
    assert built("retrieve", "info", "two-toy", "--json").json["count"] == 180


def test_build_replaces_no_other_dataset_unasked(built, folder, tmp_path):
    namesake = write_dataset(tmp_path / "elsewhere" / "two", {"normal": 2}, seed=7)
    again = ("retrieve", "build", "--dataset", namesake, "--encoder", "toy")
    refused = built(*again)
    assert refused.exit_code == 1
    assert f"holds another dataset of the same name, from {folder}" in refused.stderr
    assert "--name two-toy replaces it all the same" in refused.stderr
    assert built("retrieve", "info", "two-toy", "--json").json["count"] == 180
    assert built(*again, "--name", "two-toy").exit_code == 0
    other = write_dataset(tmp_path / "other", {"ring": 2}, seed=8)
    assert built("retrieve", "add", "two-toy", "--dataset", other).exit_code == 0
    shared = built(*again)
    assert "holds images of other datasets, too (other)" in shared.stderr
    assert "`medx retrieve update two-toy` follows all of them" in shared.stderr
    (settings.index_dir() / "two-toy" / "index.json").write_text("{")
    assert built(*again).exit_code == 0


def test_remove_by_id_and_by_filter(built, tmp_path):
    unknown = built("retrieve", "remove", "two-toy", "val-normal-000", "val-normal-0000")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "did you mean 'val-normal-000'" in unknown.stderr
    (tmp_path / "ids.txt").write_text("val-normal-000\n\nnobody\n")
    result = built("retrieve", "remove", "two-toy", "--ids-file", "ids.txt", "--missing-ok")
    assert "1 removed; now 179 images in 1 segment" in result.stdout
    assert "not in the index: nobody" in result.stderr
    where = "label = 'normal' and split = 'val'"
    assert built("retrieve", "remove", "two-toy", "--where", where, "--json").json["removed"] == 19
    listed = built("retrieve", "list", "--json").json["indexes"][0]
    assert (listed["count"], listed["removed"], listed["segments"]) == (160, 20, 1)
    compacted = built("retrieve", "compact", "two-toy")
    assert "160 images in 1 segment (1 before), 20 removed vectors dropped" in compacted.stdout
    assert built("retrieve", "info", "two-toy", "--json").json["removed"] == 0


def test_removing_nothing_is_wrong_usage(built, tmp_path):
    assert "name ids, or pass --where" in built("retrieve", "remove", "two-toy").stderr
    (tmp_path / "empty.txt").write_text("\n")
    result = built("retrieve", "remove", "two-toy", "--ids-file", "empty.txt")
    assert (result.exit_code, "holds no id" in result.stderr) == (1, True)
    result = built("retrieve", "remove", "two-toy", "--where", "labbel = 'x'")
    assert (result.exit_code, "label" in result.stderr) == (1, True)


def test_merge(built, tmp_path):
    other = write_dataset(tmp_path / "other", {"normal": 2}, seed=7)
    built("retrieve", "build", "--dataset", other, "--encoder", "toy")
    result = built("retrieve", "merge", "two-toy", "other-toy", "--into", "both")
    assert "186 added; now 186 images in 1 segment" in result.stdout
    again = built("retrieve", "merge", "two-toy", "both", "--into", "both")
    assert "366 unchanged; now 186 images" in again.stdout
    assert built("retrieve", "verify", "both").exit_code == 0


def test_verify_tells_what_is_wrong(built):
    assert "180 images in 2 files" in built("retrieve", "verify", "two-toy").stdout
    (vectors,) = (settings.index_dir() / "two-toy").glob("*.vectors.faiss")
    content = bytearray(vectors.read_bytes())
    content[-5] ^= 1
    vectors.write_bytes(content)
    result = built("retrieve", "verify", "two-toy", "--json")
    assert result.exit_code == 1
    assert result.json["problems"] == [
        {"file": vectors.name, "what": "its content is not what was written"}
    ]
    assert "build it again: medx retrieve build --dataset" in result.stderr


def test_info_for_people(built):
    shown = built("retrieve", "info", "two-toy").stdout
    assert "180 (synthetic)" in shown
    assert " kB" in shown
    assert "train 60, val 60, test 60" in shown


@pytest.mark.parametrize("command", ["add", "update", "remove", "compact", "verify", "info"])
def test_indexes_that_are_not_there(cli, command):
    more = {"remove": ["x"], "add": ["--dataset", "phantom-cxr"]}
    result = cli("retrieve", command, "nowhere", *more.get(command, []))
    assert result.exit_code == 1
    assert "unknown index 'nowhere'" in result.stderr
    assert not (settings.index_dir() / "nowhere").exists()


def test_an_index_of_an_earlier_medx_names_its_rebuild(built, folder):
    path = settings.index_dir() / "two-toy" / "index.json"
    about = json.loads(path.read_text())
    del about["segments"]
    path.write_text(json.dumps({**about, "schema_version": 1}))
    result = built("retrieve", "info", "two-toy")
    assert "written by an earlier medx (schema 1, this one reads 2)" in result.stderr
    assert f"medx retrieve build --dataset {folder} --encoder toy --name two-toy" in result.stderr
