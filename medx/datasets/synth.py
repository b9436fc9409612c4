"""What `medx data synth` does: check the folder, draw, and say what was drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from medx.core.console import warn
from medx.core.errors import InputError, UnknownNameError
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.core.words import many
from medx.datasets.manifest import SPLITS
from medx.datasets.manifest_files import load_manifest
from medx.datasets.phantoms.config import FINDINGS, DefectConfig, PhantomConfig
from medx.datasets.phantoms.dataset import write_phantom_dataset
from medx.datasets.phantoms.defects import TRUTH_FILE, Truth
from medx.datasets.phantoms.smear_config import SmearConfig
from medx.datasets.phantoms.smear_dataset import write_smear_dataset


class SynthResult(Value):
    """One synthetic dataset that was drawn."""

    schema_version: int = 1
    synthetic: bool = True
    disclaimer: str = DISCLAIMER
    name: str
    folder: str
    truth: str | None = Field(description="The file that tells what was spoilt.")
    images: dict[str, int] = Field(description="split → images")
    labels: dict[str, dict[str, int]] = Field(description="label → split → images, as given")
    boxes: dict[str, dict[str, int]] = Field(description="label → split → boxes")
    duplicates: int
    near_duplicates: int
    flipped_labels: int
    marked: int


def synthesise_cxr(config: PhantomConfig, defects: DefectConfig, folder: Path) -> SynthResult:
    """Draw a dataset of radiographs into a new folder.

    Raises:
        InputError: When the folder holds something, or a defect cannot be put in.
    """
    _check_free(folder)
    return _describe(folder, write_phantom_dataset(config, folder, defects=defects), unit="patient")


def synthesise_smear(config: SmearConfig, folder: Path, *, jpeg: bool = False) -> SynthResult:
    """Draw a dataset of blood-smear fields into a new folder.

    Raises:
        InputError: When the folder holds something.
    """
    _check_free(folder)
    write_smear_dataset(config, folder, jpeg=jpeg)
    return _describe(folder, None, unit="slide")


def parse_prevalence(text: str) -> Mapping[str, float]:
    """Return the shares that ``consolidation=0.2,nodule=0.1`` gives.

    Raises:
        UnknownNameError: When a finding does not exist.
        InputError: When a share is no number, or given twice.
    """
    shares: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in FINDINGS:
            raise UnknownNameError("finding", name, FINDINGS)
        if name in shares:
            raise InputError(f"prevalence gives {name} twice")
        try:
            shares[name] = float(value)
        except ValueError as error:
            raise InputError(
                f"prevalence takes finding=share, got {part!r}", hint="for example nodule=0.1"
            ) from error
    return shares


def parse_size(text: str) -> tuple[int, int]:
    """Return the (width, height) that ``640x480`` gives, or ``512`` for a square.

    Raises:
        InputError: When it is neither.
    """
    width, cross, height = text.lower().replace("×", "x").partition("x")
    try:
        return int(width), int(height if cross else width)
    except ValueError as error:
        raise InputError(
            f"size takes WIDTHxHEIGHT, got {text!r}", hint="for example 640x480"
        ) from error


def _check_free(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} is not empty", hint="name a new folder with --output")


def _describe(folder: Path, truth: Truth | None, *, unit: str) -> SynthResult:
    dataset = load_manifest(folder)
    if missing := [split for split in SPLITS if split not in dataset.splits]:
        groups = {record.group for record in dataset.records}
        few = many(len(groups), f"{unit} is", f"{unit}s are")
        warn(f"no {' and no '.join(missing)} split: {few} too few for all three; raise --count")
    labels: dict[str, Counter[str]] = {name: Counter() for name in dataset.classes}
    boxes: dict[str, Counter[str]] = {}
    for record in dataset.records:
        split = str(record.split)
        for name in record.label.split("|") if record.label else ():
            labels[name][split] += 1
        for box in record.boxes:
            boxes.setdefault(box.label, Counter())[split] += 1
    copies = truth.duplicates if truth else ()
    exact = sum(copy.change is None for copy in copies)
    return SynthResult(
        name=dataset.name,
        folder=str(folder),
        truth=str(folder / TRUTH_FILE) if truth else None,
        images={s: sum(r.split == s for r in dataset.records) for s in dataset.splits},
        labels={name: dict(n) for name, n in labels.items() if n},
        boxes={name: dict(boxes[name]) for name in dataset.classes if name in boxes},
        duplicates=exact,
        near_duplicates=len(copies) - exact,
        flipped_labels=len(truth.flipped_labels) if truth else 0,
        marked=len(truth.marked) if truth else 0,
    )
