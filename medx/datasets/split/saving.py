"""Writing a split: the manifest, what was dropped, and how it was made."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from medx.core.errors import InputError
from medx.core.files import atomic_path, write_text
from medx.datasets.manifest import SPLITS, Dataset
from medx.datasets.manifest_files import ABOUT_FILE, CSV_FILE, PARQUET_FILE, save_dataset
from medx.datasets.split.leaks import Dropped
from medx.datasets.split.result import SplitResult, count_parts
from medx.datasets.split.splitting import Splitting, rotate_folds

SPLIT_FILE, DROPPED_FILE = "split.yaml", "dropped.csv"


def choose_folder(
    dataset: Dataset, name: str, *, output: Path | None, folds: bool, force: bool
) -> Path:
    """Return where the split goes: ``output``, else the dataset's own folder.

    Raises:
        InputError: When the dataset is no folder, is to become several, or would lose splits.
    """
    own = Path(name)
    is_folder = own.is_dir() and own.resolve() == Path(dataset.location).resolve()
    if output is None:
        if not is_folder or folds:
            what = "folds are several datasets" if folds else f"{name} is not a folder of yours"
            raise InputError(f"{what}", hint="say where to write: --output FOLDER")
        if dataset.splits and not force:
            raise InputError(
                f"{name} has splits already: {', '.join(dataset.splits)}",
                hint="--output FOLDER leaves them alone; --force replaces them, "
                "with a copy of the manifest kept",
            )
        return own
    written = sorted(output.glob("fold-*/manifest.*")) or _manifests(output)
    if written and not force:
        raise InputError(
            f"{output} holds a dataset already ({written[0].name})",
            hint="choose another --output, or --force to replace it, with a copy kept",
        )
    if dataset.root is None:
        raise InputError(f"the images of {name} are no files that a manifest could name")
    return output


def save_splitting(splitting: Splitting, dataset: Dataset, folder: Path) -> SplitResult:
    """Write the split dataset (or one dataset a fold) into ``folder``; return its summary.

    A manifest that is replaced stays beside the new one as ``manifest.csv.bak``, ``.bak1``, ….
    """
    result = splitting.result.model_copy(update={"folder": str(folder)})
    if result.folds:
        for fold in range(result.folds):
            _save_fold(splitting, dataset, result, fold, folder / f"fold-{fold}")
    else:
        _save_manifest(replace(dataset, records=splitting.records), folder)
    _save_notes(splitting.dropped, result, folder)
    return result


def _save_fold(
    splitting: Splitting, dataset: Dataset, result: SplitResult, fold: int, folder: Path
) -> None:
    records = rotate_folds(splitting.records, fold, result.folds or 0)
    _save_manifest(replace(dataset, records=records, name=f"{dataset.name}-fold-{fold}"), folder)
    parts = count_parts(records, splitting.units, dict.fromkeys(SPLITS))
    update = {"fold": fold, "folder": str(folder), "parts": parts}
    _save_notes(splitting.dropped, result.model_copy(update=update), folder)


def _save_manifest(dataset: Dataset, folder: Path) -> None:
    for path in _manifests(folder):
        _keep_copy(path)
    about = folder / ABOUT_FILE
    own = about.read_text(encoding="utf-8") if about.is_file() else None
    save_dataset(dataset, folder)
    if own is not None and Path(dataset.location).resolve() == folder.resolve():
        write_text(about, own)  # people's own keys and comments stay


def _save_notes(dropped: Sequence[Dropped], result: SplitResult, folder: Path) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("id", "path", "label", "split", "reason"))
    for entry in dropped:
        record = entry.record
        writer.writerow((record.id, record.path, record.label, record.split, entry.reason))
    write_text(folder / DROPPED_FILE, buffer.getvalue())
    about = result.model_dump(mode="json", exclude={"folder"})
    write_text(folder / SPLIT_FILE, yaml.safe_dump(about, sort_keys=False, allow_unicode=True))


def _manifests(folder: Path) -> list[Path]:
    return [path for name in (CSV_FILE, PARQUET_FILE) if (path := folder / name).is_file()]


def _keep_copy(path: Path) -> None:
    copy, number = path.with_name(f"{path.name}.bak"), 0
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.bak{number}")
    with atomic_path(copy) as temporary:
        shutil.copyfile(path, temporary)
