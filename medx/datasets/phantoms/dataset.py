"""Datasets of synthetic radiographs on disk, among them the built-in ``phantom-cxr``."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage

from medx.core import settings
from medx.core.console import note, progress_bar
from medx.core.errors import InputError
from medx.core.files import atomic_dir, write_text
from medx.core.images import Pixels
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.manifest_files import file_reader, load_manifest, save_dataset
from medx.datasets.phantoms.config import NORMAL, DefectConfig, PhantomConfig
from medx.datasets.phantoms.defects import (
    SMALLEST_MARKED,
    TRUTH_FILE,
    Duplicate,
    FlippedLabel,
    MarkedImage,
    Truth,
)

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
_COPIES, _CHANGES, _MOVES, _MARKS, _FLIPS = range(200, 205)  # independent random streams


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
    defects = defects or DefectConfig()
    _check_possible(config, defects)
    with atomic_dir(folder) as temporary:
        (temporary / "images").mkdir()
        writer = _Writer(config, defects, temporary)
        _render_all(config, workers, writer)
        records = writer.finish()
        dataset = Dataset(
            name=PHANTOM_CXR,
            records=tuple(records),
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
        truth = writer.truth()
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


def _render_all(config: PhantomConfig, workers: int | None, writer: _Writer) -> None:
    # Drawing needs SciPy, which costs what naming and reading the dataset should not.
    from medx.datasets.phantoms.cxr import generate_phantoms

    with progress_bar("rendering phantoms", config.count) as progress:
        for index, phantom in enumerate(generate_phantoms(config, workers=workers)):
            writer.add(index, phantom)
            progress.advance(progress.task_ids[0])


class _Writer:
    """Writes images as they come, spoils some, and remembers which."""

    def __init__(self, config: PhantomConfig, defects: DefectConfig, folder: Path) -> None:
        from medx.datasets.phantoms.duplicates import plan_copies

        self._config, self._defects, self._folder = config, defects, folder
        self._plan = plan_copies(defects, config.count, self._stream(_COPIES))
        self._changes = self._stream(_CHANGES)
        self._records: list[Record] = []
        self._copies: list[Record] = []
        self._duplicates: list[Duplicate] = []
        self._flipped: list[FlippedLabel] = []
        self._marked: list[MarkedImage] = []

    def add(self, index: int, phantom: Phantom) -> None:
        """Write one image, and its second copies."""
        image, mark = self._mark(index, phantom)
        record = _record(phantom, self._save(image, phantom.id))
        self._records.append(record)
        if mark:
            self._marked.append(mark)
        for change in self._plan.get(index, ()):
            self._copy(record, image, mark, change)

    def finish(self) -> list[Record]:
        """Return the manifest's rows, with labels flipped and copies moved as asked."""
        if self._defects.across_splits:
            from medx.datasets.phantoms.duplicates import move_to_another_split

            first = self._config.count + 12  # past every number a drawn patient can have
            names = [
                f"phantom-{self._config.seed}-p{first + i:06d}" for i in range(len(self._copies))
            ]
            self._copies = move_to_another_split(self._copies, names, self._stream(_MOVES))
        return self._flip([*self._records, *self._copies])

    def truth(self) -> Truth:
        """Return what was put in."""
        return Truth(
            generator=f"{PHANTOM_CXR} {GENERATOR_VERSION}",
            settings={**asdict(self._config), **asdict(self._defects)},
            duplicates=tuple(self._duplicates),
            flipped_labels=tuple(self._flipped),
            marked=tuple(self._marked),
        )

    def _mark(self, index: int, phantom: Phantom) -> tuple[Pixels, MarkedImage | None]:
        if not self._defects.markers:
            return phantom.image, None
        rng = np.random.default_rng((self._config.seed, _MARKS, index))
        if rng.random() >= self._defects.markers:
            return phantom.image, None
        from medx.datasets.phantoms.exposure import lead_marker
        from medx.datasets.phantoms.markers import burn_in

        lead = lead_marker(phantom.centre, self._config.centre_strength, self._config.size)
        image, text, box = burn_in(phantom.image, lead, rng)
        return image, MarkedImage(id=phantom.id, text=text, box=box)

    def _copy(
        self, record: Record, image: Pixels, mark: MarkedImage | None, change: str | None
    ) -> None:
        from medx.datasets.phantoms.duplicates import change_slightly

        number = self._config.count + len(self._copies)
        name = f"{PHANTOM_CXR}-{self._config.seed}-{number:06d}"
        if change:
            image = change_slightly(image, change, self._changes)
        if mark:
            self._marked.append(mark.model_copy(update={"id": name}))
        # Other compression, so that the copy can be told by its pixels but not by its bytes.
        path = self._save(image, name, compress_level=6)
        self._copies.append(replace(record, id=name, path=path))
        self._duplicates.append(Duplicate(id=name, of=record.id, change=change))

    def _save(self, image: Pixels, name: str, *, compress_level: int = 1) -> str:
        path = f"images/{name}.png"
        PILImage.fromarray(image).save(self._folder / path, compress_level=compress_level)
        return path

    def _flip(self, records: list[Record]) -> list[Record]:
        if not self._defects.label_noise:
            return records
        rng, spoilt = self._stream(_FLIPS), []
        for record in records:
            true = record.label or NORMAL
            others = [name for name in self._config.classes if name not in true.split("|")]
            if rng.random() < self._defects.label_noise and others:
                label = others[int(rng.integers(len(others)))]
                self._flipped.append(FlippedLabel(id=record.id, label=label, true_label=true))
                record = replace(record, label=label)
            spoilt.append(record)
        return spoilt

    def _stream(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self._config.seed, stream))


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
