"""From boxes to one picture an object, each tied to the image it was cut from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image as PILImage
from pydantic import Field

from medx.core.console import track
from medx.core.errors import InputError, MedxError
from medx.core.files import atomic_dir, safe_name
from medx.core.images import Pixels
from medx.core.values import Value
from medx.datasets.crop_window import clip, crop_window
from medx.datasets.importers.saving import SKIPPED_FILE, SkippedFile, check_output, write_skipped
from medx.datasets.label_map import LabelMap
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.manifest_files import file_reader, save_dataset

IMAGES_FOLDER = "images"


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """How objects are cut out.

    Args:
        margin: Added on each side, as a share of the box's width and height.
        min_size: Boxes with a shorter side than this many pixels are left out.
    """

    margin: float = 0.10
    min_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 10:
            raise ValueError(f"margin must be between 0 and 10, got {self.margin}")
        if self.min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {self.min_size}")


class CropSummary(Value):
    """What cropping wrote."""

    schema_version: int = 1
    name: str
    synthetic: bool
    folder: str
    parents: int = Field(description="Images at least one object was cut from.")
    crops: int
    classes: list[str]
    counts: dict[str, dict[str, int]] = Field(description="split → class → crops")
    dropped: int = Field(description="Boxes left out because the label map drops their class.")
    cut_at_border: int = Field(description="Crops of boxes that reach outside their image.")
    skipped: list[SkippedFile]


def crop_dataset(
    dataset: Dataset,
    output: Path,
    config: CropConfig | None = None,
    *,
    label_map: LabelMap | None = None,
) -> CropSummary:
    """Write one PNG a box at ``output``, as a dataset; each image is decoded once.

    A crop's group is its parent's group, or the parent itself: crops of one image stay together.
    What cannot be read or cut is skipped and listed.

    Raises:
        InputError: When ``output`` holds something, there are no boxes, or none can be cut.
        UnknownNameError: When the map names a class that does not exist.
    """
    config = config or CropConfig()
    check_output(output)
    classes = _box_classes(dataset)
    if not classes:
        raise InputError(f"{dataset.name} has no boxes", hint="import it from a format with boxes")
    label_map = label_map or LabelMap()
    label_map.check(classes)
    with atomic_dir(output) as folder:
        (folder / IMAGES_FOLDER).mkdir()
        cutter = _Cutter(dataset=dataset, folder=folder, config=config, label_map=label_map)
        records = tuple(cutter.cut_all())
        if not records:
            first = f"; first: {': '.join(cutter.skipped[0])}" if cutter.skipped else ""
            raise InputError(f"no box of {dataset.name} could be cut out{first}")
        crops = replace(
            dataset,
            name=f"{dataset.name}-crops",
            records=records,
            classes=label_map.classes(classes),
            location=str(output),
            root=folder,
            reader=file_reader(folder),
        )
        save_dataset(crops, folder)
        if cutter.skipped:
            write_skipped(cutter.skipped, folder / SKIPPED_FILE)
    return CropSummary(
        name=crops.name,
        synthetic=crops.synthetic,
        folder=str(output),
        parents=len({record.extra["parent"] for record in records}),
        crops=len(records),
        classes=list(crops.classes),
        counts=crops.counts(),
        dropped=cutter.dropped,
        cut_at_border=cutter.cut_at_border,
        skipped=[SkippedFile(path=path, reason=reason) for path, reason in cutter.skipped],
    )


def _box_classes(dataset: Dataset) -> tuple[str, ...]:
    used = Counter(box.label for record in dataset.records for box in record.boxes)
    return (*(n for n in dataset.classes if n in used), *sorted(used.keys() - {*dataset.classes}))


class _Cutter:
    """Cuts a dataset's boxes out and counts what it could not."""

    def __init__(
        self, *, dataset: Dataset, folder: Path, config: CropConfig, label_map: LabelMap
    ) -> None:
        self.dataset, self.folder, self.config, self.label_map = dataset, folder, config, label_map
        self.skipped: list[tuple[str, str]] = []
        self.dropped = self.cut_at_border = 0
        self._taken: set[str] = set()

    def cut_all(self) -> Iterator[Record]:
        """Write each crop and yield its record."""
        for parent in track(self.dataset.records, "cutting out boxes"):
            wanted = [
                (i, box, label)
                for i, box in enumerate(parent.boxes)
                if (label := self.label_map.apply(box.label)) is not None
            ]
            self.dropped += len(parent.boxes) - len(wanted)
            if not wanted:
                continue
            try:
                pixels = self.dataset.read(parent).pixels
            except MedxError as error:
                self.skipped.append((parent.path, str(error)))
                continue
            for i, box, label in wanted:
                if record := self._cut(parent, i, box, label, pixels):
                    yield record

    def _cut(self, parent: Record, i: int, box: Box, label: str, pixels: Pixels) -> Record | None:
        size = pixels.shape[1], pixels.shape[0]
        window = crop_window(box, size, margin=self.config.margin)
        if window is None or min(box.width, box.height) < self.config.min_size:
            reason = "lies outside its image or has no area" if window is None else "is too small"
            self.skipped.append((parent.path, f"box {i} {reason}"))
            return None
        left, top, right, bottom = window
        outside = clip((box.x, box.y, box.x + box.width, box.y + box.height), size)
        self.cut_at_border += outside != (box.x, box.y, box.x + box.width, box.y + box.height)
        name = self._name(parent, i)
        path = f"{IMAGES_FOLDER}/{name}.png"
        # Level 1 is several times faster than the default for files a few per cent larger.
        PILImage.fromarray(pixels[top:bottom, left:right]).save(
            self.folder / path, compress_level=1
        )
        corners = f"{box.x},{box.y},{box.width},{box.height}"
        return Record(
            id=name,
            path=path,
            label=label,
            split=parent.split,
            group=parent.group or parent.id,
            source=parent.source,
            extra={**parent.extra, "parent": parent.id, "box": corners},
        )

    def _name(self, parent: Record, i: int) -> str:
        base = safe_name(parent.id)[:150]
        name, n = f"{base}-{i:04d}", 1
        while name.casefold() in self._taken:
            n += 1
            name = f"{base}-{i:04d}-{n}"
        self._taken.add(name.casefold())
        return name
