"""Where a model's weights are, without asking the network; and fetching them when asked to."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from medx.core.errors import InputError, WeightsUnavailableError
from medx.core.hub import cached_snapshots, fetch_snapshot, hub_cache
from medx.core.models.catalogue import CATALOGUE, MAIN

_KNOWN = {
    model.repository: model
    for model in (CATALOGUE["medgemma-1.5-4b-it"], CATALOGUE["medgemma-4b-it"])
}

#: Tried in this order when no model is named.
MODELS = tuple(_KNOWN)

#: All that is ever loaded: no pickle, no code.
PATTERNS = (*_KNOWN[MODELS[0]].files, "*.txt")

_INSTEAD = "--engine mock, which writes from the evidence alone"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_ONE_OF = (
    ("processor_config.json", "preprocessor_config.json"),
    ("tokenizer.json", "tokenizer.model", "vocab.json"),
)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A complete set of files.

    Args:
        model: Hub id, or the folder's name.
        revision: Commit of the hub, or a fingerprint of the files.
        source: Where they were found, in words.
    """

    model: str
    folder: Path
    revision: str
    source: str

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(path.stat().st_size for path in self.folder.glob("*.safetensors"))


def find_weights(model: str | None, folder: str | None = None) -> Weights:
    """Return weights that are on this machine and complete; the network is not asked.

    Args:
        model: Hub id, also with ``@REVISION``, or local folder; None takes the first of ``MODELS``
            in the hub cache.
        folder: Local folder that holds the weights of ``model``.

    Raises:
        WeightsUnavailableError: When there are none; the message says what is missing.
        InputError: When ``model`` is neither a hub id nor a folder.
    """
    if folder is not None:
        return _local(Path(folder), model)
    if model is not None and Path(model).is_dir():
        return _local(Path(model), None)
    reasons = []
    for asked in [model] if model else MODELS:
        name, revision = split_revision(asked)
        snapshot = _cached_snapshot(name, revision)
        problems = missing_files(snapshot) if snapshot else ["not in the hub cache"]
        if snapshot and not problems:
            found = f"hub:{snapshot.name}"
            return Weights(model=name, folder=snapshot, revision=found, source="the hub cache")
        reasons.append(f"{asked}: {', '.join(problems)}")
    raise WeightsUnavailableError("; ".join(reasons), hint=how_to_get(model or MODELS[0]))


def fetch_weights(model: str | None) -> Weights:
    """Download a model into the hub cache and return its weights.

    Args:
        model: Hub id, also with ``@REVISION``; None is the first of ``MODELS``.

    Raises:
        WeightsUnavailableError: When it is gated, offline or not to be had; the hint has the steps.
    """
    asked = model or MODELS[0]
    name, revision = split_revision(asked)
    fetch_snapshot(name, files=PATTERNS, revision=revision or _pinned(name), hint=how_to_get(asked))
    return find_weights(asked)


def split_revision(model: str) -> tuple[str, str | None]:
    """Return hub id and revision of ``owner/name@revision``; None when it names no revision.

    Raises:
        InputError: When it is no hub id.
    """
    name, at, revision = model.partition("@")
    if not _HUB_ID.match(name) or (at and not re.fullmatch(r"[\w.-]+", revision)):
        raise InputError(
            f"{model!r} is neither a folder nor a hub id",
            hint=f"hub ids look like {MODELS[1]}, or {MODELS[1]}@COMMIT",
        )
    return name, revision or None


def how_to_get(model: str) -> str:
    """Return the steps to the weights of ``model``, one a line."""
    name, at, revision = model.partition("@")
    if name in _KNOWN and not at:
        return _KNOWN[name].how_to_get(instead=_INSTEAD)
    pinned = f" --revision {revision}" if at else ""
    return "\n".join(
        (
            f"to get the weights of {name}:",
            f"  1. if it is gated (MedGemma is), accept the terms at https://huggingface.co/{name}",
            "  2. then make a read token there and run `hf auth login`, or set HF_TOKEN",
            f"  3. run again with --model {model} and without offline mode",
            "for a machine without internet:",
            f"  `hf download {name}{pinned} --local-dir DIR` elsewhere, copy DIR here, then "
            "--weights DIR",
            f"or use {_INSTEAD}",
        )
    )


def missing_files(folder: Path) -> list[str]:
    """Return what a folder lacks to be loaded, in words; empty when it is complete."""
    if not folder.is_dir():
        return ["no such folder"]
    problems = [] if (folder / "config.json").is_file() else ["no config.json"]
    for names in _ONE_OF:
        if not any((folder / name).is_file() for name in names):
            problems.append(f"no {' or '.join(names)}")
    return problems + _bad_tensors(folder)


def _local(folder: Path, model: str | None) -> Weights:
    problems = missing_files(folder)
    if problems:
        raise WeightsUnavailableError(
            f"{folder} does not hold a complete model: {', '.join(problems)}",
            hint=how_to_get(model if model and _HUB_ID.match(model.split("@")[0]) else MODELS[0]),
        )
    return Weights(
        model=model.split("@")[0] if model else folder.resolve().name,
        folder=folder,
        revision=_revision_of(folder),
        source="a local folder",
    )


def _cached_snapshot(model: str, revision: str | None) -> Path | None:
    """Return the snapshot of ``revision``, else the pinned one or, for lack of it, ``main``."""
    if revision is None:
        found = cached_snapshots(model, _pinned(model))
    else:
        repository = hub_cache() / f"models--{model.replace('/', '--')}"
        tag = repository / "refs" / revision
        commit = tag.read_text(encoding="utf-8").strip() if tag.is_file() else revision
        found = [repository / "snapshots" / commit]
    return next((path for path in found if (path / "config.json").is_file()), None)


def _pinned(model: str) -> str:
    """Return the pinned commit of a model that medx knows, else ``main``."""
    return _KNOWN[model].revision if model in _KNOWN else MAIN


def _bad_tensors(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file():
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            return [f"{index.name} is damaged"]
    problems = []
    for name in sorted(names):
        if not (folder / name).is_file():
            problems.append(f"no {name}")
        elif not _is_whole(folder / name):
            problems.append(f"{name} is truncated or damaged")
    return problems


def _is_whole(path: Path) -> bool:
    """Compare a safetensors file's length with what its header promises."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > path.stat().st_size:
                return False
            header = json.loads(stream.read(length))
        ends = [
            entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
        ]
    except (struct.error, ValueError, KeyError, TypeError):
        return False
    return bool(path.stat().st_size == 8 + length + max(ends, default=0))


def _revision_of(folder: Path) -> str:
    """Return the hub commit that ``hf download --local-dir`` noted, else a fingerprint."""
    noted = folder / ".cache" / "huggingface" / "download" / "config.json.metadata"
    if noted.is_file() and (lines := noted.read_text(encoding="utf-8").split()):
        return f"hub:{lines[0]}"
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}".encode())
        with path.open("rb") as stream:  # gigabytes: 64 blocks spread over the file must do
            for i in range(64):
                stream.seek(size * i // 64)
                digest.update(stream.read(1 << 16))
    return f"files:{digest.hexdigest()[:16]}"
