"""Spoiling radiographs on purpose as they are written, with a record of every defect."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from medx.core.images import Pixels
from medx.datasets.manifest import Box, Record
from medx.datasets.phantoms.config import NORMAL, DefectConfig, PhantomConfig
from medx.datasets.phantoms.cxr import Phantom, phantom_id
from medx.datasets.phantoms.defects import Duplicate, FlippedLabel, MarkedImage
from medx.datasets.phantoms.duplicates import change_slightly, move_to_another_split, plan_copies
from medx.datasets.phantoms.exposure import lead_marker
from medx.datasets.phantoms.markers import burn_in

# Independent random streams.
_COPIES, _CHANGES, _MOVES, _MARKS, _FLIPS = range(200, 205)


class SpoiltImages:
    """Writes images as they come, spoils some, and remembers which.

    Args:
        config: What is drawn.
        defects: What to spoil.
        folder: Where the images go, below ``images``.

    Attributes:
        duplicates: Second copies made so far.
        flipped: Labels that `finish` made wrong.
        marked: Images with text burnt in so far.
    """

    def __init__(self, config: PhantomConfig, defects: DefectConfig, folder: Path) -> None:
        self._config, self._defects, self._folder = config, defects, folder
        self._plan = plan_copies(defects, config.count, self._stream(_COPIES))
        self._changes = self._stream(_CHANGES)
        self._records: list[Record] = []
        self._copies: list[Record] = []
        self.duplicates: list[Duplicate] = []
        self.flipped: list[FlippedLabel] = []
        self.marked: list[MarkedImage] = []

    def add(self, phantom: Phantom) -> None:
        """Write the next image, and its second copies."""
        index = len(self._records)
        image, mark = self._mark(index, phantom)
        record = _record(phantom, self._save(image, phantom.id))
        self._records.append(record)
        if mark:
            self.marked.append(mark)
        for change in self._plan.get(index, ()):
            self._copy(record, image, mark, change)

    def finish(self) -> list[Record]:
        """Return the manifest's rows, with labels flipped and copies moved as asked."""
        if self._defects.across_splits:
            first = self._config.count + 12  # past every number a drawn patient can have
            names = [
                f"phantom-{self._config.seed}-p{first + i:06d}" for i in range(len(self._copies))
            ]
            self._copies = move_to_another_split(self._copies, names, self._stream(_MOVES))
        return self._flip([*self._records, *self._copies])

    def _mark(self, index: int, phantom: Phantom) -> tuple[Pixels, MarkedImage | None]:
        if not self._defects.markers:
            return phantom.image, None
        rng = np.random.default_rng((self._config.seed, _MARKS, index))
        if rng.random() >= self._defects.markers:
            return phantom.image, None
        lead = lead_marker(phantom.centre, self._config.centre_strength, self._config.size)
        image, text, box = burn_in(phantom.image, lead, rng)
        return image, MarkedImage(id=phantom.id, text=text, box=box)

    def _copy(
        self, record: Record, image: Pixels, mark: MarkedImage | None, change: str | None
    ) -> None:
        number = self._config.count + len(self._copies)
        name = phantom_id(self._config, number)
        if change:
            image = change_slightly(image, change, self._changes)
        if mark:
            self.marked.append(mark.model_copy(update={"id": name}))
        # Other compression, so that the copy can be told by its pixels but not by its bytes.
        path = self._save(image, name, compress_level=6)
        self._copies.append(replace(record, id=name, path=path))
        self.duplicates.append(Duplicate(id=name, of=record.id, change=change))

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
                self.flipped.append(FlippedLabel(id=record.id, label=label, true_label=true))
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
