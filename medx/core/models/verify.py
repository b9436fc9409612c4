"""Checking the files of a model against the hashes that are known of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from medx.core.console import progress_bar
from medx.core.errors import InputError, MedxError, WeightsUnavailableError
from medx.core.files import sha256_file
from medx.core.models.catalogue import CATALOGUE, Model, find_model
from medx.core.models.manifest import ModelManifest, load_manifest, model_files
from medx.core.values import Value

_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileCheck(Value):
    """One file: whether its hash is the one known of it, and whence that is known."""

    path: str
    state: Literal["ok", "changed", "missing", "unknown"]
    known_from: str | None = None
    sha256: str | None = None


class Verification(Value):
    """What ``verify_model`` found; ``ok`` when no file is changed or missing."""

    schema_version: int = 1
    name: str
    folder: str
    repository: str | None
    revision: str | None
    ok: bool
    files: tuple[FileCheck, ...]

    @property
    def problems(self) -> list[str]:
        """The files that are not as they should be, in words."""
        return [f"{f.path} is {f.state}" for f in self.files if f.state in ("changed", "missing")]


def verify_model(name: str) -> Verification:
    """Hash the files of a model and compare with what is known of them.

    Hashes come from the pull's manifest, from the catalogue for its pinned revision, and from the
    hub itself, whose cache names a large file by its SHA-256. A file that none speaks of is
    ``unknown``.

    Args:
        name: A model whose weights are in the hub cache, or a folder that was pulled or copied.

    Raises:
        UnknownNameError: When it is neither, nor looks like a path.
        WeightsUnavailableError: When the weights are not on this machine.
        InputError: When there is no such folder, or it says nothing of what it should hold.
    """
    if Path(name).is_dir():
        return _verify(*_folder_of(Path(name)))
    if os.sep in name and ":" not in name:
        raise InputError(f"no such folder: {name}", hint="check the path")
    model = find_model(name)
    folder = model.find()
    if folder is None:
        raise WeightsUnavailableError(
            f"the weights of {name} are not on this machine", hint=model.how_to_get()
        )
    return _verify(folder, load_manifest(folder), model)


def _folder_of(folder: Path) -> tuple[Path, ModelManifest | None, Model | None]:
    manifest = load_manifest(folder)
    if manifest is None:
        raise InputError(
            f"{folder} says nothing of what it should hold: no medx-model.json in it",
            hint="make such a folder with `medx models pull NAME --to DIR`",
        )
    try:
        return folder, manifest, find_model(manifest.name)
    except MedxError:  # pulled by another version: its own hashes are enough
        return folder, manifest, CATALOGUE.get(manifest.name)


def _verify(folder: Path, manifest: ModelManifest | None, model: Model | None) -> Verification:
    recorded = {file.path: file.sha256 for file in manifest.files} if manifest else {}
    present = {path.name for path in model_files(folder, model)} if model else set()
    names = sorted({*recorded, *present})
    checks = []
    with progress_bar(f"hashing {folder.name}", len(names)) as progress:
        for name in names:
            checks.append(_check(folder, name, recorded, model))
            progress.advance(progress.task_ids[0])
    lacking = [
        FileCheck(path=what, state="missing")
        for what in (model.missing_files(folder) if model else [])
        if what not in names
    ]
    found = (*checks, *lacking)
    return Verification(
        name=manifest.name if manifest else model.name if model else folder.name,
        folder=str(folder),
        repository=manifest.repository if manifest else model.repository if model else None,
        revision=manifest.revision if manifest else _revision(folder),
        ok=all(check.state in ("ok", "unknown") for check in found),
        files=found,
    )


def _check(folder: Path, name: str, recorded: Mapping[str, str], model: Model | None) -> FileCheck:
    path = folder / name
    if not path.is_file():
        return FileCheck(path=name, state="missing", known_from="the pull")
    digest = sha256_file(path)
    known = known_hashes(path, model)
    if name in recorded:
        known = {"the pull": recorded[name], **known}
    wrong = next((source for source, value in known.items() if value != digest), None)
    if wrong:
        return FileCheck(path=name, state="changed", known_from=wrong, sha256=digest)
    source = ", ".join(known) or None
    return FileCheck(
        path=name, state="ok" if known else "unknown", known_from=source, sha256=digest
    )


def known_hashes(path: Path, model: Model | None) -> dict[str, str]:
    """Return what SHA-256 a file should have, by who says so: the catalogue, the hub."""
    known = {}
    pinned = model is not None and _revision(path.parent) in (None, model.revision)
    if model is not None and pinned and path.name in model.sha256:
        known["the catalogue"] = model.sha256[path.name]
    if hub := _hub_hash(path):
        known["the hub"] = hub
    return known


def _hub_hash(path: Path) -> str | None:
    """Return the hash by which the hub's library stored a large file; None for a small one."""
    if path.is_symlink() and _SHA256.fullmatch(name := path.resolve().name):
        return name
    noted = path.parent / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"
    try:
        lines = noted.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return next((line for line in lines if _SHA256.fullmatch(line)), None)


def _revision(folder: Path) -> str | None:
    """Return the commit of a folder in the hub cache."""
    return folder.name if folder.parent.name == "snapshots" else None
