"""Small datasets whose faults are known."""

from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from scipy.ndimage import gaussian_filter

from medx.core.images import read_image
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import load_manifest, save_dataset


def draw_image(seed: int, size: int = 64) -> np.ndarray:
    """Return smooth clouds between grey levels 40 and 215."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), size / 10)
    noise = (noise - noise.min()) / np.ptp(noise)
    return (40 + 175 * noise).astype(np.uint8)


def write_records(folder: Path, images, *, classes=("healthy", "ill"), synthetic=True) -> Dataset:
    """Write ``(record, pixels)`` pairs as PNG files with a manifest; return the dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    for record, pixels in images:
        PILImage.fromarray(pixels).save(folder / record.path)
    dataset = Dataset(
        name=folder.name,
        records=tuple(record for record, _ in images),
        classes=classes,
        location=str(folder),
        reader=lambda record: read_image(folder / record.path),
        synthetic=synthetic,
    )
    save_dataset(dataset, folder)
    return load_manifest(folder)


def record_of(i: int, **values) -> Record:
    """Return a record of a clean dataset: two images a patient, balanced labels and sources."""
    patient = i // 2
    usual = {
        "label": ("healthy", "ill")[patient % 2],
        "split": ("train", "train", "val", "test")[patient // 4 % 4],
        "group": f"patient-{patient:03d}",
        "source": ("north", "south")[patient // 2 % 2],
    }
    return Record(id=f"i{i:03d}", path=f"i{i:03d}.png", **(usual | values))


def clean_images(count: int = 160, size: int = 64):
    return [(record_of(i), draw_image(i, size)) for i in range(count)]
