import json

import pytest

from medx.core import settings
from medx.core.registry import Entry
from retrieval.encoders import ENCODERS

ENCODERS.register(
    "toy", Entry("test_retrieval.toy_encoder:ToyEncoder", "mean grey value of each ninth")
)


@pytest.fixture
def built(cli, two_class):
    """``medx retrieve build`` of 180 images under a name, by the toy encoder."""

    def build(name, *more):
        asked = ("--dataset", two_class, "--encoder", "toy", "--name", name)
        return cli("retrieve", "build", *asked, *more)

    return build


def test_build_prints_and_stores_the_measured_recall(built, cli):
    done = built("graph", "--kind", "hnsw")
    assert done.exit_code == 0, done.stderr
    assert "kind hnsw with efSearch" in done.stdout
    assert "recall@10" in done.stdout
    about = json.loads((settings.index_dir() / "graph" / "index.json").read_text())
    assert about["kind"] == "hnsw"
    assert 0 <= about["segments"][0]["tuning"]["recall"]["estimate"] <= 1
    told = cli("retrieve", "info", "graph", "--json").json
    assert told["tuning"] == about["segments"][0]["tuning"]


def test_auto_is_exact_for_few_images(built):
    done = built("few")
    assert done.exit_code == 0
    assert "kind flat: every search is exact" in done.stdout


def test_compact_takes_another_kind(built, cli):
    built("changing")
    done = cli("retrieve", "compact", "changing", "--kind", "ivf-sq8", "--memory", "1GB", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.json["kind"] == "ivf-sq8"
    assert cli("retrieve", "verify", "changing").exit_code == 0
    damaged = next((settings.index_dir() / "changing").glob("*.ivf-sq8-*"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    done = cli("retrieve", "text-search", "pneumonia", "--index", "changing", "--top-k", 3)
    assert done.exit_code == 1
    assert "is damaged" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--kind", "hnws"), "unknown kind of index 'hnws'"),
        (("--memory", "lots"), "'lots' is no size of memory"),
        (("--kind", "ivf-pq", "--limit", 50), "kind ivf-pq needs at least 100 images, got 50"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_embedded(built, options, problem):
    done = built("refused", *options)
    assert done.exit_code == 1
    assert problem in done.stderr
    assert "hint: " in done.stderr
    assert not (settings.index_dir() / "refused").exists()


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf-sq8", "ivf-pq"])
def test_where_is_exact_on_every_kind(built, cli, kind):
    built(kind, "--kind", kind)
    asked = ("retrieve", "text-search", "pneumonia", "--index", kind, "--top-k", 5)
    found = cli(*asked, "--where", "label = 'normal' and split = 'val'", "--json")
    hits = found.json["hits"]
    assert {(hit["label"], hit["split"]) for hit in hits} == {("normal", "val")}
    refused = cli(*asked, "--where", "lable = 'normal'")
    assert refused.exit_code == 1
    assert "unknown column 'lable'" in refused.stderr
    assert "^^^^^" in refused.stderr
    assert "did you mean 'label'" in refused.stderr
