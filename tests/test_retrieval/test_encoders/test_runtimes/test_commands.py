"""The commands that take --runtime and --precision."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from medx.core import settings
from retrieval.config import GalleryConfig
from retrieval.encoders.biomedclip import BiomedCLIPEncoder
from retrieval.encoders.runtimes.exported_encoder import ExportedEncoder
from retrieval.encoders.runtimes.exported_files import load_export
from retrieval.gallery import open_gallery

#: Importing these takes seconds.
HEAVY = ("torch", "torchvision", "open_clip", "transformers", "timm", "accelerate", "scipy")

CHILD = """
import json, sys
from medx.cli import main
try:
    main(json.loads(sys.argv[1]))
finally:
    loaded = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
    print(json.dumps(loaded), file=sys.stderr)
"""


@pytest.fixture
def index(exported, tiny, two_class, cli):
    """Build and name an index of twelve images by the tiny BiomedCLIP."""

    def build(name, *options):
        done = cli(
            "retrieve", "build", "--dataset", two_class, "--encoder", "biomedclip", "--weights",
            tiny, "--limit", 12, "--name", name, "--json", *options,
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        return done.json

    return build


def search_in_child(*options):
    """Return the result of a text search in a new process, and the heavy modules it imported."""
    asked = ["retrieve", "text-search", "pleural effusion", "--top-k", "3", "--json", *options]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([str(part) for part in asked]), json.dumps(HEAVY)],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_text_search_by_an_export_needs_no_torch(index, tiny, precision):
    index("own", "--precision", precision, "--runtime", "onnx")
    result, heavy = search_in_child("--index", "own", "--weights", tiny)
    assert heavy == []
    assert len(result["hits"]) == 3


def test_text_search_by_torch_finds_the_same(index, tiny, cli):
    index("own")
    asked = ("retrieve", "text-search", "pleural effusion", "--index", "own", "--weights", tiny)
    torch, onnx = (
        cli(*asked, "--runtime", runtime, "--top-k", 5, "--json").json["hits"]
        for runtime in ("torch", "onnx")
    )
    assert [hit["id"] for hit in torch] == [hit["id"] for hit in onnx]
    for a, b in zip(torch, onnx, strict=True):
        assert a["similarity"] == pytest.approx(b["similarity"], abs=1e-4)


def test_an_index_answers_at_its_own_precision(index, tiny, cli):
    built = index("own", "--precision", "int8")
    assert built["encoder"]["precision"] == "int8"
    asked = ("retrieve", "text-search", "effusion", "--index", "own", "--weights", tiny)
    assert cli(*asked, "--top-k", 2).exit_code == 0
    refused = cli(*asked, "--precision", "fp32")
    assert refused.exit_code == 1
    assert "index own was built at int8, not at fp32" in refused.stderr


def test_precisions_have_indexes_of_their_own(exported, tiny, two_class, cli):
    for precision in ("fp32", "int8"):
        done = cli(
            "retrieve", "text-search", "effusion", "--dataset", two_class, "--encoder",
            "biomedclip", "--weights", tiny, "--precision", precision, "--top-k", 1,
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
    names = {path.name for path in settings.index_dir().iterdir()}
    assert {"two-biomedclip", "two-biomedclip-int8"} <= names


def test_export_encoder_copies_and_compares(exported, two_class, cli, tmp_path):
    own = shutil.copytree(exported, tmp_path / "own")
    done = cli(
        "retrieve", "export-encoder", "--weights", own, "--output", tmp_path / "air-gapped",
        "--dataset", two_class, "--limit", 20, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert done.json["files"] == load_export(tmp_path / "air-gapped").files
    measured = done.json["fidelity"]
    assert measured["onnx fp32"]["sample"] == "phantoms"
    assert measured["onnx int8"]["sample"] == "two"
    assert measured["onnx int8"]["images"]["count"] == 20
    table = cli("retrieve", "export-encoder", "--weights", tmp_path / "air-gapped")
    assert "two (synthetic)" in table.stdout
    assert "mean cosine" in table.stdout
    again = cli("retrieve", "export-encoder", "--weights", own, "--output", tmp_path)
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_export_encoder_refuses_what_has_no_towers(cli):
    done = cli("retrieve", "export-encoder", "--encoder", "compact")
    assert done.exit_code == 1
    assert "'compact' has no other runtime" in done.stderr
    done = cli("retrieve", "export-encoder", "--encoder", "compact", "--runtime", "torch")
    assert "torch exports nothing" in done.stderr


def test_queries_take_the_export_and_many_images_the_original(exported, index, tiny):
    index("own")
    gallery = open_gallery(GalleryConfig(index="own", weights=tiny, device="cpu"))
    assert isinstance(gallery.bulk_encoder, BiomedCLIPEncoder)
    assert isinstance(
        open_gallery(GalleryConfig(index="own", weights=tiny)).encoder, ExportedEncoder
    )
    kept = open_gallery(GalleryConfig(index="own", weights=tiny, runtime="torch"))
    assert isinstance(kept.encoder, BiomedCLIPEncoder)
