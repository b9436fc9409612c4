"""From what the user names to records: recognise the format, find the folder, import it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import yaml

from medx.core import settings
from medx.core.console import note
from medx.core.errors import DataUnavailableError, InputError, UnknownNameError
from medx.datasets import medmnist
from medx.datasets.importers import FORMATS
from medx.datasets.importers.base import Imported, Importer, ImportOptions
from medx.datasets.importers.colour import shows_colour
from medx.datasets.importers.dicom_names import check_dicom_names
from medx.datasets.importers.preset import import_preset
from medx.datasets.importers.recognise import recognise
from medx.datasets.manifest_files import ABOUT_FILE
from medx.datasets.presets import PRESETS, Preset

AUTO = "auto"
#: Formats that do not say whether their images are in colour.
OF_FILES = frozenset({"folder", "table", "coco", "voc", "labelme", "bbbc041-json"})


def known_formats() -> tuple[str, ...]:
    """Return what ``--format`` takes."""
    return (AUTO, *FORMATS, *PRESETS)


def read_source(
    source: str,
    format_name: str = AUTO,
    options: ImportOptions | None = None,
    *,
    download: bool = False,
) -> Imported:
    """Return the records of a folder, a file, a preset's name or a MedMNIST name.

    Args:
        source: A path, or the name of a preset or MedMNIST dataset to look for.
        format_name: One of ``known_formats``; ``auto`` recognises it and says what it saw.
        options: Where images lie and which columns to read.
        download: Fetch a preset or MedMNIST dataset that is not on this machine.

    Raises:
        UnknownNameError: When there is no such format, path or name.
        DataUnavailableError: When a named dataset is not on this machine.
        InputError: When the source is damaged, ambiguous or holds no image.
    """
    options = options or ImportOptions()
    if format_name not in known_formats():
        raise UnknownNameError("format", format_name, known_formats())
    path = Path(source)
    if not path.exists():
        return _read_named(source, format_name, options, download=download)
    if format_name == AUTO and source in PRESETS:
        format_name = source
    if format_name == AUTO:
        format_name, why = recognise(path)
        note(f"recognised {source} as {format_name}: {why}")
    if options.labels and format_name != "dicom":
        raise InputError(
            "--labels goes with DICOM", hint="import the sheet itself: it names the images"
        )
    _check_columns(options, format_name)
    if preset := PRESETS.get(format_name):
        return _import_preset(preset, path, options)
    importer: Importer = FORMATS.load(format_name)
    imported = importer(path, options)
    if format_name in OF_FILES:
        imported = check_dicom_names(imported)
    return replace(
        imported,
        synthetic=imported.synthetic or _is_synthetic(path),
        colour=imported.colour or (format_name in OF_FILES and shows_colour(imported)),
    )


def _check_columns(options: ImportOptions, format_name: str) -> None:
    given = [
        f.name for f in fields(options) if f.name.endswith("_column") and getattr(options, f.name)
    ]
    if given and format_name != "table":
        name = f"--{given[0].replace('_', '-')}"
        raise InputError(f"{name} is for tables, not for {format_name}", hint="use --format table")


def _import_preset(preset: Preset, path: Path, options: ImportOptions) -> Imported:
    imported = check_dicom_names(import_preset(preset, path, options))
    if not _is_synthetic(path):
        return imported
    # Drawn pictures in the layout of a publisher are not the publisher's.
    description = f"Synthetic pictures in the layout of {preset.name}."
    return replace(imported, synthetic=True, licence="", citation="", description=description)


def _is_synthetic(path: Path) -> bool:
    """Return True when a ``dataset.yaml`` beside the source says that nobody is in its pictures."""
    about = (path if path.is_dir() else path.parent) / ABOUT_FILE
    try:
        loaded = yaml.safe_load(about.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(loaded, dict) and loaded.get("synthetic") is True


def _read_named(name: str, format_name: str, options: ImportOptions, *, download: bool) -> Imported:
    if medmnist.parse_name(name) and format_name in (AUTO, "medmnist"):
        found = medmnist.load_medmnist(name, download=download).location
        return read_source(found, "medmnist", options)
    if name in PRESETS and format_name in (AUTO, name):
        return _import_preset(PRESETS[name], find_preset(PRESETS[name], download), options)
    if "/" in name or Path(name).suffix:
        raise InputError(f"no such file or folder: {name}", hint="check the path")
    raise UnknownNameError("source", name, [*PRESETS, *medmnist.registry()])


def find_preset(preset: Preset, download: bool = False) -> Path:
    """Return the folder of a preset in ``MEDX_DATA_DIR`` or the cache, fetching it when asked.

    Raises:
        DataUnavailableError: When it is not on this machine; says what to fetch and where to.
    """
    places = [base / preset.name for base in (settings.data_dir(), settings.cache_dir()) if base]
    for place in places:
        if place.is_dir():
            return place
    if download and preset.archives:
        from medx.datasets.importers.fetching import fetch_archives

        return fetch_archives(preset, settings.cache_dir() / preset.name)
    raise DataUnavailableError(
        f"{preset.name} is not on this machine",
        hint=f"{preset.how_to_get} Put it into {places[0]}"
        f"{', or run again with --download' if preset.archives and not download else ''}",
    )
