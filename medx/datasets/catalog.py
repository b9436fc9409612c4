"""Datasets by name: MedMNIST flags, the built-in phantoms, or a folder with a manifest."""

from __future__ import annotations

from pathlib import Path

from medx.core import settings
from medx.core.console import warn
from medx.core.errors import DataUnavailableError, UnknownNameError
from medx.datasets import medmnist
from medx.datasets.manifest import Dataset
from medx.datasets.manifest_files import load_manifest
from medx.datasets.phantoms.dataset import PHANTOM_CXR, load_phantom_cxr
from medx.datasets.phantoms.smear_dataset import PHANTOM_SMEAR, load_phantom_smear

PREFERRED = "pneumoniamnist"


def known_names() -> list[str]:
    """Return the names ``load_dataset`` takes, built-in data first."""
    return [PHANTOM_CXR, PHANTOM_SMEAR, *medmnist.registry()]


def is_built_in(name: str) -> bool:
    """Return whether ``load_dataset`` takes ``name`` as a name, whatever folder is called so."""
    return name in (PHANTOM_CXR, PHANTOM_SMEAR) or medmnist.parse_name(name) is not None


def load_dataset(name: str, *, data_dir: Path | None = None, download: bool = True) -> Dataset:
    """Return the dataset that a name or a folder stands for.

    Args:
        name: ``phantom-cxr``, ``phantom-smear``, a MedMNIST flag with an optional ``_64``, ``_128``
            or ``_224``, or the path of a folder with a ``manifest.csv``.
        data_dir: Searched for MedMNIST files before ``MEDX_DATA_DIR`` and the cache.
        download: Fetch what is not on this machine.

    Raises:
        UnknownNameError: When the name is neither known nor a folder.
        DataUnavailableError: When the data cannot be had.
    """
    if name == PHANTOM_CXR:
        return load_phantom_cxr()
    if name == PHANTOM_SMEAR:
        return load_phantom_smear()
    if medmnist.parse_name(name):
        return medmnist.load_medmnist(name, data_dir=data_dir, download=download)
    folder = Path(name)
    if folder.is_dir():
        return load_manifest(folder)
    if "/" in name or folder.suffix:
        raise DataUnavailableError(f"no dataset folder at {name}", hint="check the path")
    error = UnknownNameError("dataset", name, known_names())
    error.hint = f"{error.hint}; or the path of a folder with a manifest.csv"
    raise error


def default_dataset(data_dir: Path | None = None) -> str:
    """Return ``pneumoniamnist`` when its file is at hand, else ``phantom-cxr``."""
    named = settings.data_dir()
    if data_dir is None and named is not None and not named.is_dir():
        warn(f"MEDX_DATA_DIR names {named}, which is no folder")
    at_hand = PREFERRED in medmnist.registry() and medmnist.find_npz(PREFERRED, data_dir)
    return PREFERRED if at_hand else PHANTOM_CXR
