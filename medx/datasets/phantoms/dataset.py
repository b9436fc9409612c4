"""Datasets of synthetic radiographs on disk, among them the built-in ``phantom-cxr``."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path

from medx.core import settings
from medx.core.console import note, track
from medx.core.errors import InputError
from medx.core.files import atomic_dir, write_text
from medx.datasets.manifest import Dataset
from medx.datasets.manifest_files import file_reader, load_manifest, save_dataset
from medx.datasets.phantoms.config import DefectConfig, PhantomConfig
from medx.datasets.phantoms.defects import SMALLEST_MARKED, TRUTH_FILE, Truth

PHANTOM_CXR = "phantom-cxr"

#: Bump when the generator draws other pixels, so that no stale cache is read.
GENERATOR_VERSION = 1

DEFAULT = PhantomConfig(count=2000, size=128, seed=0)
DESCRIPTION = (
    "Synthetic frontal chest radiographs drawn by medx from anatomy and X-ray attenuation; "
    "no patient data. Good for trying things out, not for any claim about patients."
)


def load_phantom_cxr(config: PhantomConfig = DEFAULT) -> Dataset:
    """Return ``phantom-cxr``, rendering it into the cache the first time."""
    folder = settings.cache_dir() / "phantom-cxr" / _cache_key(config)
    if not (folder / "manifest.csv").is_file():
        note(f"rendering {config.count} synthetic radiographs ({PHANTOM_CXR}), once")
        write_phantom_dataset(config, folder)
    return load_manifest(folder)


def write_phantom_dataset(
    config: PhantomConfig,
    folder: Path,
    *,
    defects: DefectConfig | None = None,
    workers: int | None = None,
) -> Truth:
    """Render a dataset into ``folder`` as PNG files with a manifest, in one step or not at all.

    Args:
        config: What to draw. Second copies come on top of ``config.count``.
        folder: Replaced when it exists.
        defects: What to spoil; nothing when None.
        workers: As ``generate_phantoms`` takes it.

    Returns:
        What was put in; also written to ``truth.json``, and nowhere else.

    Raises:
        InputError: When a defect cannot be put into these images.
    """
    # Drawing needs SciPy, which costs what naming and reading the dataset should not.
    from medx.datasets.phantoms.cxr import generate_phantoms
    from medx.datasets.phantoms.spoiling import SpoiltImages

    defects = defects or DefectConfig()
    _check_possible(config, defects)
    with atomic_dir(folder) as temporary:
        (temporary / "images").mkdir()
        images = SpoiltImages(config, defects, temporary)
        for phantom in track(
            generate_phantoms(config, workers=workers), "rendering phantoms", total=config.count
        ):
            images.add(phantom)
        dataset = Dataset(
            name=PHANTOM_CXR,
            records=tuple(images.finish()),
            classes=config.classes,
            location=str(folder),
            reader=file_reader(temporary),
            modality="synthetic chest radiograph",
            licence="Apache-2.0",
            citation="drawn by medx",
            description=f"{DESCRIPTION} {settings.DISCLAIMER}",
            synthetic=True,
        )
        save_dataset(dataset, temporary)
        truth = Truth(
            generator=f"{PHANTOM_CXR} {GENERATOR_VERSION}",
            settings={**asdict(config), **asdict(defects)},
            duplicates=tuple(images.duplicates),
            flipped_labels=tuple(images.flipped),
            marked=tuple(images.marked),
        )
        write_text(temporary / TRUTH_FILE, truth.model_dump_json(indent=2) + "\n")
    return truth


def _check_possible(config: PhantomConfig, defects: DefectConfig) -> None:
    if defects.markers and config.size < SMALLEST_MARKED:
        raise InputError(
            f"markers need images of {SMALLEST_MARKED} pixels, got {config.size}",
            hint="pass a larger --size",
        )
    if defects.label_noise and len(config.classes) < 2:
        raise InputError(
            "label noise needs two classes, got only normal",
            hint="name a finding in --prevalence",
        )


def _cache_key(config: PhantomConfig) -> str:
    return f"v{GENERATOR_VERSION}-" + hashlib.sha256(repr(config).encode()).hexdigest()[:12]
