"""Fetching a model, into the hub cache or into a folder that can be copied elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from medx.core import settings
from medx.core.console import note, progress_bar
from medx.core.errors import InputError, WeightsUnavailableError
from medx.core.files import atomic_path, make_dir, sha256_file
from medx.core.hub import fetch_snapshot
from medx.core.models.catalogue import Model, find_model
from medx.core.models.manifest import (
    MANIFEST_FILE,
    ModelFile,
    ModelManifest,
    model_files,
    save_manifest,
)
from medx.core.models.verify import known_hashes
from medx.core.runs import now
from medx.core.values import Value


class PullResult(Value):
    """Where a model now is and what was written down of its files."""

    schema_version: int = 1
    folder: str
    manifest: ModelManifest


def pull_model(name: str, *, folder: Path | None = None, force: bool = False) -> PullResult:
    """Fetch a model at its pinned revision and write down the hashes of its files.

    What is in the hub cache is not downloaded again; offline it is all there is.

    Args:
        name: As ``find_model`` takes it.
        folder: Where to, for copying to another machine; None is the hub cache.
        force: Download again what is there.

    Raises:
        UnknownNameError: When no model has that name.
        InputError: When ``folder`` holds something else.
        WeightsUnavailableError: When it is gated, offline or damaged on the way.
    """
    model = find_model(name)
    if folder is not None:
        _check_free(folder)
    if settings.offline() and (cached := model.find()) is not None:
        note(f"offline: taking {name} from the hub cache, {cached}")
        place = cached if folder is None else _copy(model, cached, folder)
    else:
        place = fetch_snapshot(
            model.repository,
            files=model.files,
            revision=model.revision,
            hint=model.how_to_get(),
            folder=folder,
            force=force,
        )
    if missing := model.missing_files(place):
        raise WeightsUnavailableError(
            f"{model.repository} lacks {', '.join(missing)}", hint=model.how_to_get()
        )
    manifest = _describe(model, place)
    save_manifest(place, manifest)
    return PullResult(folder=str(place), manifest=manifest)


def model_path(name: str) -> Path:
    """Return the folder of a model's weights in the hub cache.

    Raises:
        UnknownNameError: When no model has that name.
        WeightsUnavailableError: When they are not on this machine.
    """
    model = find_model(name)
    folder = model.find()
    if folder is None:
        raise WeightsUnavailableError(
            f"the weights of {name} are not on this machine", hint=model.how_to_get()
        )
    return folder


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier pull."""
    if folder.is_file():
        raise InputError(f"{folder} is a file", hint="name a folder")
    held = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if held and not {MANIFEST_FILE, ".cache"} & set(held):
        raise InputError(f"{folder} holds something else ({held[0]})", hint="name a new folder")


def _copy(model: Model, source: Path, folder: Path) -> Path:
    make_dir(folder)
    paths = model_files(source, model)
    with progress_bar(f"copying {model.name}", len(paths)) as progress:
        for path in paths:
            with atomic_path(folder / path.name) as temporary:
                shutil.copyfile(path, temporary)
            progress.advance(progress.task_ids[0])
    return folder


def _describe(model: Model, folder: Path) -> ModelManifest:
    files = []
    paths = model_files(folder, model)
    with progress_bar(f"hashing {model.name}", len(paths)) as progress:
        for path in paths:
            digest = sha256_file(path)
            for source, known in known_hashes(path, model).items():
                if known != digest:
                    raise WeightsUnavailableError(
                        f"{path} was damaged on the way: {source} says SHA-256 {known[:16]}…, it "
                        f"has {digest[:16]}…",
                        hint=f"medx models pull {model.name} --force",
                    )
            files.append(ModelFile(path=path.name, bytes=path.stat().st_size, sha256=digest))
            progress.advance(progress.task_ids[0])
    return ModelManifest(
        name=model.name,
        repository=model.repository,
        revision=_revision_of(model, folder),
        licence=model.licence,
        pulled=now(),
        files=tuple(files),
    )


def _revision_of(model: Model, folder: Path) -> str:
    """Return the commit that was fetched; the branch where the files do not say."""
    if folder.parent.name == "snapshots":
        return folder.name
    for noted in sorted((folder / ".cache" / "huggingface" / "download").glob("*.metadata")):
        if lines := noted.read_text(encoding="utf-8").split():
            return lines[0]
    return model.revision
