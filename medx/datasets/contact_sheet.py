"""Contact sheets: a few images of each label, split or source, side by side, with their boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image as PILImage
from pydantic import Field

from medx.core.console import track, warn
from medx.core.errors import InputError, MedxError
from medx.core.files import write_text
from medx.core.images import Pixels
from medx.core.pages import data_uri, render_page
from medx.core.pictures import encode
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.core.words import many
from medx.datasets.manifest import Box, Dataset, Record

By = Literal["label", "split", "source"]

#: Pixels of the longer side of a picture on a sheet.
LARGEST_PICTURE = 400
MOST_ROWS = 24
#: Beyond these, the names of boxes would hide the image; the legend has them.
MOST_NAMED_BOXES = 4

#: Told apart on grey and on stained tissue, also by most who are colour-blind (after Okabe, Ito).
COLOURS = ("#e69f00", "#56b4e9", "#00c389", "#f0e442", "#85a5ff", "#ff7a59", "#e58fc0", "#ffffff")


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One image of a sheet.

    Args:
        record: What it is of.
        pixels: ``uint8``, shrunk to at most ``LARGEST_PICTURE`` a side.
        native_size: Height and width before that.
    """

    record: Record
    pixels: Pixels
    native_size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels shown for each native one."""
        return float(self.pixels.shape[1] / self.native_size[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class SheetRow:
    """The pictures of one label, split or source, of ``total`` records."""

    name: str
    total: int
    pictures: tuple[Picture, ...]


class ShownRow(Value):
    """One row of a sheet, for people and programs to read."""

    name: str
    records: int
    shown: list[str] = Field(description="Ids, in order.")


class ContactSheetResult(Value):
    """What a contact sheet shows."""

    schema_version: int = 1
    dataset: str
    synthetic: bool
    records: int
    by: str
    seed: int
    rows: list[ShownRow]
    rows_left_out: int
    unreadable: dict[str, str] = Field(description="id → reason, of those that were tried")
    path: str
    disclaimer: str = DISCLAIMER


@dataclass(frozen=True, kw_only=True, eq=False)
class ContactSheet:
    """Pictures in rows, and what is known of where they come from."""

    dataset: Dataset
    by: str
    seed: int
    rows: tuple[SheetRow, ...]
    rows_left_out: int
    unreadable: Mapping[str, str]
    boxes: bool

    @property
    def title(self) -> str:
        """Dataset, counts, and ``synthetic`` where it is."""
        synthetic = " (synthetic)" if self.dataset.synthetic else ""
        images = many(len(self.dataset), "image")
        return f"{self.dataset.name}{synthetic}: {images} by {self.by}, seed {self.seed}"

    @property
    def colours(self) -> dict[str, str]:
        """A colour for each label of a box that is shown; none when boxes are not wanted."""
        shown = {box.label for picture in self._pictures() for box in self.boxes_of(picture)}
        # Over all labels, so that each keeps its colour from sheet to sheet.
        known = sorted({box.label for record in self.dataset.records for box in record.boxes})
        return {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(known) if label in shown}

    def boxes_of(self, picture: Picture) -> tuple[Box, ...]:
        """Return the boxes to draw on a picture."""
        return picture.record.boxes if self.boxes else ()

    def summary(self, path: Path) -> ContactSheetResult:
        """Return what is on the sheet that was written to ``path``."""
        return ContactSheetResult(
            dataset=self.dataset.name,
            synthetic=self.dataset.synthetic,
            records=len(self.dataset),
            by=self.by,
            seed=self.seed,
            rows=[
                ShownRow(name=r.name, records=r.total, shown=[p.record.id for p in r.pictures])
                for r in self.rows
            ],
            rows_left_out=self.rows_left_out,
            unreadable=dict(self.unreadable),
            path=str(path),
        )

    def _pictures(self) -> Iterable[Picture]:
        return (picture for row in self.rows for picture in row.pictures)


def build_contact_sheet(
    dataset: Dataset, *, by: By = "label", count: int = 8, seed: int = 0, boxes: bool = True
) -> ContactSheet:
    """Draw up to ``count`` readable records of each label, split or source.

    A record of several labels stands in the row of each; one without a label in those of its boxes.

    Raises:
        InputError: When no image could be read.
    """
    if by not in get_args(By):
        raise ValueError(f"by must be one of {', '.join(get_args(By))}, got {by!r}")
    members = _rows_of(dataset, by)
    largest = sorted(members, key=lambda name: -len(members[name]))[:MOST_ROWS]
    unreadable: dict[str, str] = {}
    rows = []
    for i, name in enumerate(track([n for n in members if n in largest], "reading images")):
        rng = np.random.default_rng([seed, i])
        chosen = _read_some(dataset, members[name], count, rng, unreadable)
        rows.append(SheetRow(name=name, total=len(members[name]), pictures=chosen))
    if not any(row.pictures for row in rows):
        raise InputError(f"no readable image in {dataset.name}", hint="check the dataset")
    if unreadable:
        first = next(iter(unreadable.values()))
        warn(f"skipped {many(len(unreadable), 'unreadable image')}, first: {first}")
    left_out = len(members) - len(rows)
    if left_out:
        warn(f"the {len(rows)} largest of {len(members)} {by}s are shown")
    return ContactSheet(
        dataset=dataset,
        by=by,
        seed=seed,
        rows=tuple(rows),
        rows_left_out=left_out,
        unreadable=unreadable,
        boxes=boxes,
    )


def save_contact_sheet(sheet: ContactSheet, path: Path) -> Path:
    """Write ``sheet`` as PNG or as one HTML file, by the suffix of ``path``; return ``path``.

    Raises:
        InputError: When the suffix is another.
    """
    writers = {".png": _save_png, ".html": _save_html}
    check_suffix(path)
    writers[path.suffix.lower()](sheet, path)
    return path


def check_suffix(path: Path) -> None:
    """Raise ``InputError`` when a contact sheet cannot be written under that name."""
    if path.suffix.lower() not in {".png", ".html"}:
        raise InputError(f"a contact sheet is a .png or .html file, got {path.name!r}")


def _rows_of(dataset: Dataset, by: str) -> dict[str, list[Record]]:
    """Return the records of each row, in the order of the rows."""
    known = {"label": dataset.classes, "split": dataset.splits}.get(by, ())
    found: dict[str, list[Record]] = {}
    for record in dataset.records:
        for name in _names(record, by) or [f"no {by}"]:
            found.setdefault(name, []).append(record)
    others = sorted(found.keys() - {*known, f"no {by}"})
    return {name: found[name] for name in (*known, *others, f"no {by}") if name in found}


def _names(record: Record, by: str) -> list[str]:
    if by != "label":
        value = record.split if by == "split" else record.source
        return [value] if value else []
    if record.label:
        return record.label.split("|")
    return sorted({box.label for box in record.boxes})


def _read_some(
    dataset: Dataset,
    records: Sequence[Record],
    count: int,
    rng: np.random.Generator,
    unreadable: dict[str, str],
) -> tuple[Picture, ...]:
    """Return up to ``count`` pictures of records drawn at random; note what cannot be read."""
    found: dict[int, Picture] = {}
    for i in map(int, rng.permutation(len(records))):
        if len(found) == count:
            break
        try:
            pixels = dataset.read(records[i]).pixels
        except MedxError as error:
            unreadable[records[i].id] = str(error)
            continue
        size = (pixels.shape[0], pixels.shape[1])
        found[i] = Picture(record=records[i], pixels=_shrink(pixels), native_size=size)
    return tuple(found[i] for i in sorted(found))


def _shrink(pixels: Pixels) -> Pixels:
    if max(pixels.shape[:2]) <= LARGEST_PICTURE:
        return pixels
    image = PILImage.fromarray(pixels)
    image.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE), PILImage.Resampling.BILINEAR)
    return np.asarray(image)


def _save_png(sheet: ContactSheet, path: Path) -> None:
    from medx.core.figures import Outline, save_image_grid

    # Narrower, the title would be cut off.
    columns = max(3, *(len(row.pictures) for row in sheet.rows))
    colours = sheet.colours
    cells: list[Picture | None] = []
    for row in sheet.rows:
        cells += [*row.pictures, *[None] * (columns - len(row.pictures))]

    def outlines(picture: Picture) -> list[Outline]:
        boxes = sheet.boxes_of(picture)
        return [
            Outline(
                x=box.x * picture.scale,
                y=box.y * picture.scale,
                width=box.width * picture.scale,
                height=box.height * picture.scale,
                colour=colours[box.label],
                text=_shorten(box.label, 20) if len(boxes) <= MOST_NAMED_BOXES else "",
            )
            for box in boxes
        ]

    save_image_grid(
        [cell.pixels if cell else None for cell in cells],
        [_caption(cell.record, sheet.by) if cell else "" for cell in cells],
        path,
        columns=columns,
        title=sheet.title,
        row_titles=[f"{_shorten(row.name, 28)}\n{many(row.total, 'image')}" for row in sheet.rows],
        outlines=[outlines(cell) if cell else [] for cell in cells],
        legend={_shorten(label, 28): colour for label, colour in colours.items()},
    )


def _caption(record: Record, by: str) -> str:
    label = record.label if by != "label" else None
    return "\n".join(_shorten(text, 32) for text in (record.id, label) if text)


def _shorten(text: str, length: int) -> str:
    """Return ``text`` with its middle left out when it is long."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"


def _save_html(sheet: ContactSheet, path: Path) -> None:
    page = render_page(
        "contact_sheet.html.j2",
        sheet=sheet,
        embed=_embed,
        most_named=MOST_NAMED_BOXES,
        disclaimer=DISCLAIMER,
    )
    write_text(path, page)


def _embed(pixels: Pixels) -> str:
    """Return pixels as a ``data:`` address; small ones without loss."""
    kind = "png" if max(pixels.shape[:2]) <= 128 else "jpeg"
    return data_uri(encode(pixels, kind, quality=90), kind)
