import hashlib

import pytest

from medx.core.errors import WeightsUnavailableError
from medx.core.models.catalogue import CATALOGUE
from medx.core.models.pull import pull_model
from medx.core.models.verify import verify_model

MODEL = CATALOGUE["biomedclip"]
WEIGHTS = "open_clip_pytorch_model.bin"


@pytest.fixture
def cached(tmp_path):
    """BiomedCLIP as `hf download` leaves it in the cache, without any manifest."""
    repository = tmp_path / "hf" / "hub" / f"models--{MODEL.repository.replace('/', '--')}"
    snapshot = repository / "snapshots" / MODEL.revision
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for name, content in {"open_clip_config.json": b"{}", "tokenizer.json": b"{}"}.items():
        (snapshot / name).write_bytes(content)

    def add(name, content, *, stored_as=None):
        blob = repository / "blobs" / (stored_as or hashlib.sha256(content).hexdigest())
        blob.write_bytes(content)
        (snapshot / name).symlink_to(blob)

    return add


def states(found):
    return {check.path: (check.state, check.known_from) for check in found.files}


def test_the_hub_knows_its_large_files(cached):
    cached("open_clip_model.safetensors", b"tensors")
    found = verify_model("biomedclip")
    assert found.ok
    assert states(found)["open_clip_model.safetensors"] == ("ok", "the hub")
    assert states(found)["tokenizer.json"] == ("unknown", None)
    assert found.revision == MODEL.revision


def test_a_large_file_that_rotted_is_found_without_a_pull(cached):
    cached("open_clip_model.safetensors", b"tensors", stored_as="0" * 64)
    found = verify_model("biomedclip")
    assert not found.ok
    assert found.problems == ["open_clip_model.safetensors is changed"]


def test_the_catalogue_knows_the_weights_of_its_revision(cached):
    cached(WEIGHTS, b"not those")
    assert states(verify_model("biomedclip"))[WEIGHTS] == ("changed", "the catalogue")
    with pytest.raises(WeightsUnavailableError, match="the catalogue says SHA-256 52cc993c"):
        pull_model("biomedclip")


def test_a_pull_of_what_is_cached_records_it(cached):
    cached("open_clip_model.safetensors", b"tensors")
    manifest = pull_model("biomedclip").manifest
    assert [file.path for file in manifest.files] == [
        "open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert states(verify_model("biomedclip"))["tokenizer.json"] == ("ok", "the pull")
