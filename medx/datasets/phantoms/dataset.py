"""The built-in dataset ``phantom-cxr``: rendered once into the cache, then read like any other."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image as PILImage

from medx.core import settings
from medx.core.console import note, progress_bar
from medx.core.files import atomic_dir
from medx.core.images import read_image
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.manifest_files import load_manifest, save_dataset
from medx.datasets.phantoms.config import FINDINGS, PhantomConfig

if TYPE_CHECKING:
    from medx.datasets.phantoms.cxr import Phantom

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


def write_phantom_dataset(config: PhantomConfig, folder: Path) -> None:
    """Render ``config.count`` phantoms into ``folder`` as PNG files with a manifest."""
    # Drawing needs SciPy, which costs what naming and reading the dataset should not.
    from medx.datasets.phantoms.cxr import generate_phantoms

    with atomic_dir(folder) as temporary:
        (temporary / "images").mkdir()
        records = []
        with progress_bar("rendering phantoms", config.count) as progress:
            for phantom in generate_phantoms(config):
                path = f"images/{phantom.id}.png"
                PILImage.fromarray(phantom.image).save(temporary / path, compress_level=1)
                records.append(_record(phantom, path))
                progress.advance(progress.task_ids[0])
        dataset = Dataset(
            name=PHANTOM_CXR,
            records=tuple(records),
            classes=("normal", *FINDINGS),
            location=str(folder),
            reader=lambda record: read_image(folder / record.path),
            modality="synthetic chest radiograph",
            licence="Apache-2.0",
            citation="drawn by medx",
            description=DESCRIPTION,
            synthetic=True,
        )
        save_dataset(dataset, temporary)


def _record(phantom: Phantom, path: str) -> Record:
    return Record(
        id=phantom.id,
        path=path,
        label=phantom.label,
        split=_split_of(phantom.patient),
        group=phantom.patient,
        source=phantom.centre,
        text=phantom.caption,
        boxes=tuple(
            Box(label=f.name, x=f.box[0], y=f.box[1], width=f.box[2], height=f.box[3])
            for f in phantom.findings
        ),
        extra={"report": phantom.report},
    )


def _split_of(patient: str) -> str:
    """Return a split by patient, 60/15/25, so that no patient stands on two sides."""
    share = zlib.crc32(patient.encode()) % 100
    return "train" if share < 60 else "val" if share < 75 else "test"


def _cache_key(config: PhantomConfig) -> str:
    return f"v{GENERATOR_VERSION}-" + hashlib.sha256(repr(config).encode()).hexdigest()[:12]
