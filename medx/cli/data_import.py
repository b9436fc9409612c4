"""``medx data import``: any layout people have to one manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import JsonOption, OfflineOption
from medx.core.words import many

if TYPE_CHECKING:
    from medx.datasets.importers.saving import ImportSummary

Column = Annotated[str | None, typer.Option(help="Its name in the table. [default: found]")]


def import_data(
    output: Annotated[
        Path, typer.Option("--output", help="Folder to write; must not hold anything yet.")
    ],
    source: Annotated[
        str | None,
        typer.Argument(help="A folder, an annotation file, a preset or a MedMNIST name."),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="auto, folder, table, medmnist, coco, voc, labelme, bbbc041-json, dicom, or a "
            "preset: bbbc041, nih-malaria, leukocytes, cxr-3class, btxrd, bccd, "
            "chest-xray-pneumonia.",
        ),
    ] = "auto",
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the dataset. [default: the source's]")
    ] = None,
    label_map: Annotated[
        str | None,
        typer.Option(
            "--label-map",
            help="Merge, rename, drop classes: old=new,old= or a YAML, JSON, CSV file, or a map "
            "by name (bbbc041-binary). For two classes the second new one is the positive one.",
        ),
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the images below --output.")] = False,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder the image paths start from.")
    ] = None,
    path_column: Column = None,
    label_column: Column = None,
    group_column: Column = None,
    source_column: Column = None,
    split_column: Column = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Sheet with the labels of DICOM files: a key and a label."),
    ] = None,
    label_key: Annotated[
        str | None,
        typer.Option(
            "--label-key",
            help="SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID, AccessionNumber, file or "
            "PatientID. [default: the first of them the sheet has]",
        ),
    ] = None,
    dicomweb: Annotated[
        str | None,
        typer.Option(
            "--dicomweb",
            metavar="URL",
            help="Fetch from a DICOMweb server into --output, de-identified; run again to go on.",
        ),
    ] = None,
    modality: Annotated[
        str | None, typer.Option("--modality", help="With --dicomweb: only these, as CR,DX.")
    ] = None,
    study_date: Annotated[
        str | None,
        typer.Option("--study-date", help="With --dicomweb: YYYYMMDD or YYYYMMDD-YYYYMMDD."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="With --dicomweb: at most N files.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch a preset or MedMNIST set that is not here.")
    ] = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Import a folder, table, boxes, DICOM or a known dataset.

    It becomes one manifest.
    """
    from medx.core.console import told_on_interrupt
    from medx.core.errors import InputError
    from medx.datasets.importers.base import ImportOptions
    from medx.datasets.importers.dicomweb import import_dicomweb
    from medx.datasets.importers.saving import check_output, save_imported
    from medx.datasets.importers.sources import read_source
    from medx.datasets.presets import find_label_map

    options = ImportOptions(
        images=images,
        path_column=path_column,
        label_column=label_column,
        group_column=group_column,
        source_column=source_column,
        split_column=split_column,
        labels=labels,
        label_key=label_key,
    )
    if dicomweb:
        if source or label_map:
            raise InputError("--dicomweb goes with neither a SOURCE nor --label-map")
        codes = tuple(code.strip().upper() for code in (modality or "").split(",") if code.strip())
        summary = import_dicomweb(
            dicomweb,
            output,
            modalities=codes,
            study_date=study_date,
            limit=limit,
            name=name,
            options=options,
        )
        _show(summary, json)
        return
    if modality or study_date or limit:
        raise InputError("--modality, --study-date and --limit go with --dicomweb")
    check_output(output)
    if source is None:
        raise InputError("nothing to import", hint="name a SOURCE, or a server with --dicomweb")
    mapping = find_label_map(label_map) if label_map else None
    with told_on_interrupt("interrupted: an import is written when it is complete"):
        imported = read_source(source, format, options, download=download)
        summary = save_imported(imported, output, name=name, label_map=mapping, copy=copy)
    _show(summary, json)


def _show(summary: ImportSummary, json: bool) -> None:
    from medx.core.console import print_json

    if json:
        print_json(summary)
    else:
        _print_summary(summary)


def _print_summary(summary: ImportSummary) -> None:
    from medx.core.console import note, print_line, print_table, warn

    for line in summary.notes:
        note(line)
    made_up = " (synthetic)" if summary.synthetic else ""
    print_line(f"{summary.name}{made_up}: {many(summary.images, 'image')}")
    splits = list(summary.counts)
    labels = sorted({label for counts in summary.counts.values() for label in counts})
    print_table(
        ((label, *(summary.counts[s].get(label, 0) for s in splits)) for label in labels),
        columns=("label", *(split if split != "-" else "images" for split in splits)),
    )
    if summary.boxes:
        print_table(summary.boxes.items(), columns=("class", "boxes"))
    if summary.dropped:
        note(f"{many(summary.dropped, 'image was', 'images were')} left out by the label map")
    if summary.skipped:
        first = summary.skipped[0]
        warn(
            f"skipped {len(summary.skipped)}, listed in skipped.csv; first: "
            f"{first.path}: {first.reason}"
        )
    positive = f" (positive: {summary.classes[1]})" if len(summary.classes) == 2 else ""
    print_line(f"classes: {', '.join(summary.classes) or '–'}{positive}")
    print_line(f"dataset: {summary.folder}, images {'copied' if summary.copied else 'referenced'}")
