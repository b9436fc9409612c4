"""MedMNIST v2 (Yang et al. 2023): any 2-D flag at 28, 64, 128 or 224 pixels.

The registry of names, addresses and checksums is the ``medmnist`` package's; it is read without
importing the package, which costs seconds.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from medx.core import settings
from medx.core.console import note, progress_bar
from medx.core.errors import DataUnavailableError, InputError, UnknownNameError
from medx.core.files import atomic_path
from medx.datasets.manifest import SPLITS, Dataset, Record
from medx.datasets.manifest_files import file_reader
from medx.datasets.npz import NpzImages

SIZES = (28, 64, 128, 224)

#: What the pictures of each flag are, in a reader's words (MedMNIST v2, table 1).
MODALITIES = {
    "bloodmnist": "blood smear, microscopy",
    "breastmnist": "breast ultrasound",
    "chestmnist": "chest radiograph",
    "dermamnist": "dermatoscopy",
    "octmnist": "retinal optical coherence tomography",
    "organamnist": "abdominal CT, axial slice",
    "organcmnist": "abdominal CT, coronal slice",
    "organsmnist": "abdominal CT, sagittal slice",
    "pathmnist": "colon histology",
    "pneumoniamnist": "chest radiograph",
    "retinamnist": "retinal fundus photograph",
    "tissuemnist": "kidney cortex, microscopy",
}

CITATION = "Yang et al., MedMNIST v2, Scientific Data 10:41 (2023)"


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Return the ``medmnist`` package's table of its 2-D datasets, by flag."""
    spec = importlib.util.find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        return {}
    source = Path(spec.submodule_search_locations[0], "info.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "INFO":
            table: dict[str, dict[str, Any]] = ast.literal_eval(node.value)
            return {flag: info for flag, info in table.items() if "3d" not in flag}
    return {}


def class_names(flag: str) -> tuple[str, ...]:
    """Return the label names of a flag, in the order of their indices."""
    labels = registry()[flag]["label"]
    return tuple(labels[key] for key in sorted(labels, key=int))


def parse_name(name: str) -> tuple[str, int] | None:
    """Split ``pneumoniamnist`` or ``pneumoniamnist_64`` into flag and size, or return None."""
    flag, _, size = name.partition("_")
    if flag not in registry() or (size and not size.isdigit()):
        return None
    return flag, int(size or 28)


def modality(flag: str) -> str:
    """Return what the pictures of a flag are."""
    return MODALITIES.get(flag, flag.removesuffix("mnist"))


def find_npz(name: str, data_dir: Path | None = None) -> Path | None:
    """Return the dataset's file in ``data_dir``, ``MEDX_DATA_DIR`` or a user cache, or None.

    Raises:
        InputError: When ``data_dir`` is no folder.
    """
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"no such folder: {data_dir}", hint="check --data-dir")
    flag, size = _checked_name(name)
    return next((path for path in _places(flag, size, data_dir) if path.is_file()), None)


def load_medmnist(name: str, *, data_dir: Path | None = None, download: bool = True) -> Dataset:
    """Return a MedMNIST dataset, downloading it when it is not on this machine.

    Raises:
        DataUnavailableError: When the file is not here and cannot be had.
        InputError: When the file is damaged.
    """
    flag, size = _checked_name(name)
    path = find_npz(name, data_dir)
    if path is None:
        if not download:
            _unavailable(flag, size, "and downloading was not asked for")
        path = _download(flag, size)
    info = registry()[flag]
    arrays = NpzImages(path)
    classes = class_names(flag)
    records = [
        Record(
            id=f"{split}-{i:05d}",
            path=f"{path.name}#{split}/{i}",
            label=_label(row, classes, multi="multi-label" in info["task"]),
            split=split,
        )
        for split in SPLITS
        for i, row in enumerate(arrays.labels(split))
    ]
    return Dataset(
        name=name,
        records=tuple(records),
        classes=classes,
        location=str(path),
        reader=file_reader(path.parent),
        root=path.parent,
        modality=modality(flag),
        licence=info["license"],
        citation=CITATION,
        description=info["description"],
        colour=info["n_channels"] == 3,
    )


def _checked_name(name: str) -> tuple[str, int]:
    parsed = parse_name(name)
    if parsed is None:
        raise UnknownNameError("MedMNIST dataset", name, registry())
    if parsed[1] not in SIZES:
        raise UnknownNameError("MedMNIST size", str(parsed[1]), map(str, SIZES))
    return parsed


def _file_name(flag: str, size: int) -> str:
    return f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"


def _places(flag: str, size: int, data_dir: Path | None) -> Iterator[Path]:
    name = _file_name(flag, size)
    for folder in (data_dir, settings.data_dir()):
        if folder:
            yield folder / name
    with suppress(InputError):  # without a home there is no cache to look in
        yield settings.cache_dir() / "medmnist" / name
    with suppress(RuntimeError):
        yield Path.home() / ".medmnist" / name  # where the medmnist package puts them


def _label(row: npt.NDArray[np.int64], classes: tuple[str, ...], *, multi: bool) -> str:
    if multi:
        return "|".join(name for name, on in zip(classes, row, strict=True) if on) or "none"
    return classes[int(row[0])]


def _download(flag: str, size: int) -> Path:
    if settings.offline():
        _unavailable(flag, size, f"and {settings.OFFLINE_MODE} forbids fetching it")
    suffix = "" if size == 28 else f"_{size}"
    info = registry()[flag]
    target = settings.cache_dir() / "medmnist" / _file_name(flag, size)
    note(f"downloading {target.name} ({info['license']})")
    try:
        with atomic_path(target) as temporary:
            digest = _fetch(info[f"url{suffix}"], temporary)
            if digest != info[f"MD5{suffix}"]:
                raise DataUnavailableError(
                    f"{target.name} arrived damaged: its MD5 is {digest}", hint="try again"
                )
    except (urllib.error.URLError, OSError, TimeoutError) as error:
        _unavailable(flag, size, f"and could not be downloaded ({error})")
    return target


def _fetch(url: str, path: Path) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(url, timeout=30) as response, path.open("wb") as stream:
        total = int(response.headers.get("Content-Length", 0)) or None
        with progress_bar(f"downloading {path.name}", total) as progress:
            while block := response.read(1 << 18):
                stream.write(block)
                md5.update(block)
                progress.advance(progress.task_ids[0], len(block))
    return md5.hexdigest()


def _unavailable(flag: str, size: int, reason: str) -> NoReturn:
    name = _file_name(flag, size)
    url = registry()[flag]["url" if size == 28 else f"url_{size}"]
    raise DataUnavailableError(
        f"{name} is not on this machine {reason}",
        hint=f"fetch {url} elsewhere and put {name} into {settings.cache_dir() / 'medmnist'}, or "
        "name its folder with --data-dir; or use the built-in synthetic dataset phantom-cxr",
    )
