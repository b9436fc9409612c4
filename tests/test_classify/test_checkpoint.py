import json
import shutil

import pytest
import torch

from classify.checkpoint import load_checkpoint
from medx.core.errors import CheckpointError
from medx.core.files import sha256_file
from medx.core.training import load_tensors, save_tensors


@pytest.fixture
def run_dir(binary_run, tmp_path):
    return shutil.copytree(binary_run, tmp_path / "run")


def change(run_dir, **changes):
    path = run_dir / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_finished_run_can_be_loaded(run_dir):
    network, description = load_checkpoint(run_dir)
    assert not network.training
    assert description.classes == ["plain", "rows"]
    assert 0 < description.operating_point < 1
    assert description.temperature > 0


def test_a_truncated_file_is_an_error_not_a_model(run_dir):
    path = run_dir / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"model.safetensors is damaged"):
        load_checkpoint(run_dir)


def test_weights_that_were_exchanged_are_noticed(run_dir):
    path = run_dir / "model.safetensors"
    save_tensors(path, {k: v + 1 for k, v in load_tensors(path).items()})
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        load_checkpoint(run_dir)


def test_weights_of_another_network_do_not_fit(run_dir):
    save_tensors(run_dir / "model.safetensors", {"other": torch.zeros(2)})
    change(run_dir, weights_sha256=sha256_file(run_dir / "model.safetensors"))
    with pytest.raises(CheckpointError, match="does not fit its description"):
        load_checkpoint(run_dir)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": -1}, "temperature"),
        ({"classes": ["one"]}, "classes"),
        ({"architecture": "resnet-of-nowhere"}, "does not fit"),
    ],
)
def test_a_damaged_description_is_an_error(run_dir, changes, message):
    change(run_dir, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(run_dir)


def test_another_version_is_named_with_the_way_on(run_dir):
    change(run_dir, schema_version=1)
    with pytest.raises(CheckpointError, match="written by another medx version") as caught:
        load_checkpoint(run_dir)
    assert "train again" in caught.value.hint


def test_an_unfinished_run_says_so(run_dir):
    (run_dir / "model.json").unlink()
    with pytest.raises(CheckpointError, match="did not finish"):
        load_checkpoint(run_dir)


def test_nothing_in_a_run_is_pickled(run_dir):
    kinds = {path.suffix for path in run_dir.rglob("*") if path.is_file()}
    assert kinds <= {".safetensors", ".json", ".yaml", ".png", ".txt", ".csv", ".md", ".html"}


def test_any_layout_is_stored_alike(tmp_path):
    tensor = torch.randn(2, 3, 4, 4)
    save_tensors(tmp_path / "a.safetensors", {"x": tensor})
    last = tensor.contiguous(memory_format=torch.channels_last)
    save_tensors(tmp_path / "b.safetensors", {"x": last})
    first, second = (tmp_path / f"{name}.safetensors" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
