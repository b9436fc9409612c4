"""What `medx data list` and `medx data info` say."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from medx.core.values import Value
from medx.datasets import medmnist
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset
from medx.datasets.phantoms import dataset as cxr
from medx.datasets.phantoms import smear_dataset as smear


class KnownDataset(Value):
    """One dataset that medx can name."""

    name: str
    kind: str
    at_hand: list[str] = Field(description="Sizes found on this machine.")
    licence: str
    summary: str


class Listing(Value):
    """Every dataset that medx can name."""

    schema_version: int = 1
    datasets: list[KnownDataset]


class DatasetInfo(Value):
    """What is known about one dataset."""

    schema_version: int = 1
    name: str
    synthetic: bool
    description: str
    location: str
    modality: str
    image_size: str
    licence: str
    citation: str
    labels: list[str]
    counts: dict[str, dict[str, int]] = Field(
        description="split → label → images; empty for data that is not on this machine"
    )
    totals: dict[str, int]


def list_known(data_dir: Path | None = None) -> Listing:
    """Return every named dataset and what of it is on this machine."""
    phantoms = [
        KnownDataset(
            name=name,
            kind="built-in, synthetic",
            at_hand=[size],
            licence="Apache-2.0",
            summary=description.split(";")[0],
        )
        for name, size, description in (
            (cxr.PHANTOM_CXR, f"{cxr.DEFAULT.size}", cxr.DESCRIPTION),
            (
                smear.PHANTOM_SMEAR,
                f"{smear.DEFAULT.width}×{smear.DEFAULT.height}",
                smear.DESCRIPTION,
            ),
        )
    ]
    return Listing(
        datasets=[
            *phantoms,
            *(
                KnownDataset(
                    name=flag,
                    kind=f"MedMNIST, {info['task']}",
                    at_hand=[
                        str(size)
                        for size in medmnist.SIZES
                        if medmnist.find_npz(f"{flag}_{size}", data_dir)
                    ],
                    licence=info["license"],
                    summary=f"{sum(info['n_samples'].values())} images, "
                    f"{len(info['label'])} classes",
                )
                for flag, info in medmnist.registry().items()
            ),
        ]
    )


def describe_named(name: str, data_dir: Path | None = None) -> DatasetInfo:
    """Return what is known about a dataset that ``load_dataset`` takes, without fetching it."""
    parsed = medmnist.parse_name(name)
    if parsed and not medmnist.find_npz(name, data_dir):
        return _describe_absent(name, *parsed)
    return describe(load_dataset(name, data_dir=data_dir, download=False))


def _describe_absent(name: str, flag: str, size: int) -> DatasetInfo:
    info = medmnist.registry()[flag]
    return DatasetInfo(
        name=name,
        synthetic=False,
        description=info["description"],
        location="not on this machine",
        modality=medmnist.modality(flag),
        image_size=f"{size}×{size}, {'colour' if info['n_channels'] == 3 else 'grey'}",
        licence=info["license"],
        citation=medmnist.CITATION,
        labels=list(medmnist.class_names(flag)),
        counts={},
        totals=info["n_samples"],
    )


def describe(dataset: Dataset) -> DatasetInfo:
    """Return what is known about a dataset; reads its first image for the size."""
    counts = dataset.counts()
    height, width = dataset.read(dataset.records[0]).native_size
    found = {label for labels in counts.values() for label in labels}
    return DatasetInfo(
        name=dataset.name,
        synthetic=dataset.synthetic,
        description=dataset.description,
        location=dataset.location,
        modality=dataset.modality,
        image_size=f"{width}×{height}, {'colour' if dataset.colour else 'grey'}",
        licence=dataset.licence,
        citation=dataset.citation,
        labels=[*dataset.classes, *sorted(found - set(dataset.classes))],
        counts=counts,
        totals={split: sum(labels.values()) for split, labels in counts.items()},
    )
