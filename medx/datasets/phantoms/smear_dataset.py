"""Datasets of synthetic blood-smear fields on disk, among them the built-in ``phantom-smear``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image as PILImage

from medx.core import settings
from medx.core.console import note, progress_bar
from medx.core.files import atomic_dir, write_json
from medx.datasets.importers.base import label_of_boxes
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.manifest_files import file_reader, load_manifest, save_dataset
from medx.datasets.phantoms.smear_config import CATEGORIES, SmearConfig

if TYPE_CHECKING:
    from medx.datasets.phantoms.smear import SmearField

PHANTOM_SMEAR = "phantom-smear"

#: Bump when the generator draws other pixels, so that no stale cache is read.
GENERATOR_VERSION = 1

DEFAULT = SmearConfig(count=60)
DESCRIPTION = (
    "Synthetic Giemsa-stained thin blood-smear fields with a box per cell, drawn by medx from the "
    "absorption of dyes; no patient data. Good for trying things out, not for any claim about "
    "patients."
)
# Of every 20 slides 12 train, 3 val and 5 test; three slides are enough for all three.
_SPLITS = (
    "train", "test", "val", "train", "train", "test", "train", "train", "val", "train",
    "test", "train", "train", "test", "train", "val", "train", "test", "train", "train",
)  # fmt: skip
#: BBBC041 ships its test slides apart and all others as training.
BBBC041_FILES = {"training.json": ("train", "val"), "test.json": ("test",)}


def load_phantom_smear(config: SmearConfig = DEFAULT) -> Dataset:
    """Return ``phantom-smear``, rendering it into the cache the first time."""
    key = hashlib.sha256(repr(config).encode()).hexdigest()[:12]
    folder = settings.cache_dir() / PHANTOM_SMEAR / f"v{GENERATOR_VERSION}-{key}"
    if not (folder / "manifest.csv").is_file():
        note(f"rendering {config.count} synthetic blood-smear fields ({PHANTOM_SMEAR}), once")
        write_smear_dataset(config, folder)
    return load_manifest(folder)


def write_smear_dataset(
    config: SmearConfig, folder: Path, *, jpeg: bool = False, workers: int | None = None
) -> None:
    """Render fields into ``folder`` with a manifest and BBBC041's JSON, in one step or not at all.

    Args:
        config: What to draw.
        folder: Replaced when it exists.
        jpeg: Store as JPEG (quality 90, as a microscope's camera does) instead of PNG.
        workers: As ``generate_fields`` takes it.
    """
    # Drawing needs SciPy, which costs what naming and reading the dataset should not.
    from medx.datasets.phantoms.smear import generate_fields

    with atomic_dir(folder) as temporary:
        (temporary / "images").mkdir()
        records = []
        with progress_bar("rendering fields", config.count) as progress:
            for field in generate_fields(config, workers=workers):
                records.append(_record(field, _save(field, temporary, jpeg=jpeg)))
                progress.advance(progress.task_ids[0])
        save_dataset(_dataset(config, records, folder, temporary), temporary)
        for name, splits in BBBC041_FILES.items():
            chosen = [record for record in records if record.split in splits]
            write_json(temporary / name, [_entry(r, temporary, config) for r in chosen])


def _dataset(
    config: SmearConfig, records: Sequence[Record], folder: Path, temporary: Path
) -> Dataset:
    drawn = ", ".join(f"{name} {value}" for name, value in asdict(config).items())
    return Dataset(
        name=PHANTOM_SMEAR,
        records=tuple(records),
        classes=CATEGORIES,
        location=str(folder),
        reader=file_reader(temporary),
        modality="synthetic blood smear, bright-field microscopy",
        licence="Apache-2.0",
        citation="drawn by medx",
        description=f"{DESCRIPTION} {settings.DISCLAIMER} Generator {GENERATOR_VERSION}: {drawn}.",
        synthetic=True,
        colour=True,
    )


def _save(field: SmearField, folder: Path, *, jpeg: bool) -> str:
    path = f"images/{field.id}.{'jpg' if jpeg else 'png'}"
    options: dict[str, Any] = {"quality": 90} if jpeg else {"compress_level": 1}
    PILImage.fromarray(field.image).save(folder / path, **options)
    return path


def _record(field: SmearField, path: str) -> Record:
    record = Record(
        id=field.id,
        path=path,
        split=_SPLITS[field.number % len(_SPLITS)],
        group=field.slide,
        source=field.lab,
        boxes=tuple(
            Box(label=o.category, x=o.box[0], y=o.box[1], width=o.box[2], height=o.box[3])
            for o in field.objects
        ),
    )
    return replace(record, label=label_of_boxes(record, CATEGORIES))


def _entry(record: Record, folder: Path, config: SmearConfig) -> dict[str, Any]:
    """Return one image as BBBC041 (Ljosa et al. 2012, version 1) describes it."""
    checksum = hashlib.md5((folder / record.path).read_bytes(), usedforsecurity=False)
    return {
        "image": {
            "checksum": checksum.hexdigest(),
            "pathname": f"/{record.path}",
            "shape": {"r": config.height, "c": config.width, "channels": 3},
        },
        "objects": [
            {
                "bounding_box": {
                    "minimum": {"r": box.y, "c": box.x},
                    "maximum": {"r": box.y + box.height, "c": box.x + box.width},
                },
                "category": box.label,
            }
            for box in record.boxes
        ],
    }
