import numpy as np
import pytest

from classify.trust.val_logits import ValLogits, load_val_logits, save_val_logits
from medx.core.errors import CheckpointError


def example(groups=None):
    logits = np.arange(8, dtype=np.float32).reshape(4, 2)
    return ValLogits(logits=logits, target=np.array([0, 1, 1, 0]), groups=groups)


def test_they_come_back_with_patients_as_numbers(tmp_path):
    path = tmp_path / "val.safetensors"
    patients = ["ann", "bob", "ann", "cy"]
    found = load_val_logits(path, save_val_logits(path, example(patients)))
    assert found.logits.tolist() == example().logits.tolist()
    assert found.target.tolist() == [0, 1, 1, 0]
    assert [found.groups.index(g) for g in found.groups] == [0, 1, 0, 3]
    assert not any(name.encode() in path.read_bytes() for name in patients)


def test_unknown_patients_stay_unknown(tmp_path):
    path = tmp_path / "val.safetensors"
    assert load_val_logits(path, save_val_logits(path, example())).groups is None


def test_shifted_copies_come_back(tmp_path):
    path = tmp_path / "val.safetensors"
    shifted = np.stack([example().logits + 1, example().logits + 2])
    kept = ValLogits(logits=example().logits, target=example().target, shifted=shifted)
    assert load_val_logits(path, save_val_logits(path, kept)).shifted.tolist() == shifted.tolist()


def test_another_file_is_noticed(tmp_path):
    path = tmp_path / "val.safetensors"
    save_val_logits(path, example())
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        load_val_logits(path, "0" * 64)
