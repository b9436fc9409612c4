"""A shard: some hundred embeddings in one safetensors file that is named after its own hash."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from medx.core.errors import IndexMismatchError, InputError
from medx.core.files import atomic_path
from retrieval.embedding.key_table import KEY_BYTES
from retrieval.encoders.base import Embeddings, Fingerprint

Bytes = npt.NDArray[np.uint8]

SHARD_SUFFIX = ".safetensors"
HASH_BYTES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Shard:
    """Embeddings of pictures, and which image files were found to hold which picture.

    Args:
        embeddings: float32 ``(N, dim)``, unit length.
        content_hashes: uint8 ``(N, 32)``: SHA-256 of each picture's pixels.
        file_signatures: uint8 ``(M, 16)``: what tells a state of an image file from all others.
        file_hashes: uint8 ``(M, 32)``: SHA-256 of the pixels that were in it.
    """

    embeddings: Embeddings
    content_hashes: Bytes
    file_signatures: Bytes
    file_hashes: Bytes


def save_shard(shard: Shard, folder: Path, fingerprint: Fingerprint) -> Path:
    """Write a shard in one step and return its file, which bears the hash of its bytes."""
    tensors = {name: np.ascontiguousarray(value) for name, value in vars(shard).items()}
    data = save(tensors, {"encoder": fingerprint.model_dump_json()})
    path = folder / f"{_name(data)}{SHARD_SUFFIX}"
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())  # a name must not outlive a power cut that its bytes did not
    return path


def load_shard(path: Path, fingerprint: Fingerprint) -> Shard:
    """Read a shard.

    Raises:
        InputError: When it is damaged.
        IndexMismatchError: When it is another encoder's.
        FileNotFoundError: When it is not there any more.
    """
    data = path.read_bytes()
    if path.stem != _name(data):
        raise InputError(f"{path} is damaged: its bytes are not those that were written")
    try:
        shard = Shard(**load(data))
        made_by = Fingerprint.model_validate_json(_metadata(data)["encoder"])
    except ValidationError as error:
        raise InputError(f"{path} is no shard that this medx knows") from error
    except (SafetensorError, TypeError, KeyError) as error:
        raise InputError(f"{path} is no shard of embeddings: {error}") from error
    if made_by != fingerprint:
        raise IndexMismatchError(f"{path} holds embeddings by {made_by}, not by {fingerprint}")
    n, m, dim = len(shard.content_hashes), len(shard.file_signatures), fingerprint.dim
    held = [(value.dtype, value.shape) for value in vars(shard).values()]
    wanted = [(n, dim), (n, HASH_BYTES), (m, KEY_BYTES), (m, HASH_BYTES)]
    if held != list(zip(("f4", "u1", "u1", "u1"), wanted, strict=True)):
        raise InputError(f"{path} is no shard of embeddings of dim {dim}: it holds {held}")
    return shard


def _metadata(data: bytes) -> dict[str, str]:
    """Return what a safetensors file says beside its tensors; it was read without an error."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata


def _name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
