"""A preset's folder to records, with what is known about the dataset."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from medx.core.errors import InputError
from medx.datasets.importers.base import Imported, Importer, ImportOptions, label_of_boxes
from medx.datasets.manifest import Record
from medx.datasets.presets import Preset


def import_preset(preset: Preset, path: Path, options: ImportOptions) -> Imported:
    """Return the records of a preset's folder, with what is known about the dataset.

    Raises:
        InputError: When the folder does not have the publisher's layout.
    """
    module, _, function = preset.importer.partition(":")
    importer: Importer = getattr(
        importlib.import_module(f"medx.datasets.importers.{module}"), function
    )
    try:
        imported = importer(path, options)
    except InputError as error:
        hint = f"the layout of {preset.name}: {preset.layout}"
        raise InputError(str(error), hint=hint) from error
    names = {name.casefold(): name for name in preset.classes} | dict(preset.aliases)
    other = [name for name in imported.classes if name.casefold() not in names]
    if len(other) == len(imported.classes):
        raise InputError(
            f"{path} holds none of the classes of {preset.name}: {', '.join(preset.classes)}",
            hint=f"its layout: {preset.layout}",
        )
    notes = [f"classes {preset.name} does not have: {', '.join(other)}"] if other else []
    classes = (*preset.classes, *other)
    return replace(
        imported,
        name=preset.name,
        records=tuple(_renamed(r, names, classes, imported) for r in imported.records),
        classes=classes,
        modality=preset.modality,
        licence=preset.licence,
        citation=preset.citation,
        description=f"{preset.description}. {preset.homepage}",
        colour=preset.colour,
        notes=(*imported.notes, *notes),
    )


def _renamed(
    record: Record, names: Mapping[str, str], classes: tuple[str, ...], imported: Imported
) -> Record:
    boxes = tuple(
        replace(box, label=names.get(box.label.casefold(), box.label)) for box in record.boxes
    )
    renamed = replace(record, boxes=boxes)
    if imported.labels_from_boxes:
        return replace(renamed, label=label_of_boxes(renamed, classes))
    label = record.label and names.get(record.label.casefold(), record.label)
    return replace(renamed, label=label)
