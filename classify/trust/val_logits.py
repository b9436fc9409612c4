"""What the model said of the images that its choices were made on, kept beside it.

Another threshold, another level of conformal sets or a label-shift estimate needs these numbers and
no image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from classify.checkpoint import load_described_tensors
from medx.core.files import sha256_file
from medx.core.training import save_tensors

VAL_LOGITS_FILE = "val_logits.safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class ValLogits:
    """Val images (with folds: all of train and val, each left out once).

    Args:
        logits: Uncalibrated, ``(N, C)``.
        target: Class indices ``(N,)``.
        groups: N numbers, equal for images of one patient; None when patients are unknown.
        shifted: ``(copies, N, C)``, of the same images as other scanners might take them.
    """

    logits: npt.NDArray[np.float32]
    target: npt.NDArray[np.int64]
    groups: Sequence[str] | None = None
    shifted: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.target)


def save_val_logits(path: Path, val: ValLogits) -> str:
    """Write them as safetensors, patients as plain numbers; return the file's SHA-256."""
    tensors = {"logits": torch.from_numpy(val.logits), "target": torch.from_numpy(val.target)}
    if val.groups is not None:
        numbers = np.unique(np.asarray(val.groups), return_inverse=True)[1].astype(np.int64)
        tensors["groups"] = torch.from_numpy(numbers.reshape(-1))
    if val.shifted is not None:
        tensors["shifted"] = torch.from_numpy(val.shifted)
    save_tensors(path, tensors)
    return sha256_file(path)


def load_val_logits(path: Path, sha256: str) -> ValLogits:
    """Read what ``save_val_logits`` wrote.

    Raises:
        CheckpointError: When the file is missing, damaged or another one.
    """
    tensors = load_described_tensors(path, sha256)
    groups, shifted = tensors.get("groups"), tensors.get("shifted")
    return ValLogits(
        logits=tensors["logits"].numpy(),
        target=tensors["target"].numpy(),
        groups=None if groups is None else [f"{number:012d}" for number in groups.tolist()],
        shifted=None if shifted is None else shifted.numpy(),
    )
