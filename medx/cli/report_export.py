"""``medx report export``: one report in the forms that clinics and readers use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import DeviceOption, JsonOption
from medx.core.device import Device
from medx.core.errors import CheckpointError, MedxError
from reportgen.exports.formats import EXPORTERS

if TYPE_CHECKING:
    from medx.core.images import Pixels
    from medx.core.values import HeatMap, Prediction
    from reportgen.exports.material import Material
    from reportgen.report import Report

#: Devices and precisions move a probability less; another classifier moves it more.
SAME_PROBABILITY = 0.01


def export(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A JSON file of `medx report generate`.")
    ],
    format: Annotated[str, typer.Option("--format", help=f"{', '.join(EXPORTERS)}.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            help="The image file the report was written on. DICOM formats join its study. "
            "[default: the picture that the run kept, where it is]",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            help="Train run that draws the heat-map. [default: the one the report names]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="File to write. [default: beside the report]"),
    ] = None,
    device: DeviceOption = Device.auto,
    json: JsonOption = False,
) -> None:
    """Export a report: FHIR, DICOM, PDF, HTML or Markdown.

    DICOM is SR, Secondary Capture or encapsulated PDF.
    """
    from medx.core.console import print_json, print_line
    from reportgen.exports.export import gather, output_path, write_export
    from reportgen.exports.formats import export_format
    from reportgen.report_files import read_report

    form = export_format(format)
    EXPORTERS.load(format)  # what is not installed is said before anything is computed
    document = read_report(report)
    path = output_path(report, format, output, source=source)
    material = gather(
        document,
        format,
        source=source or (None if form.needs_study else _kept_picture(report, document)),
        heatmap=lambda material: _heatmap(
            document, material, run, device=device.value, required=form.needs_heatmap
        ),
    )
    result = write_export(material, format, path, report=str(report))
    if json:
        print_json(result)
        return
    if result.is_mock:
        print_line("MOCK REPORT: written from the evidence alone; nothing looked at the image.")
    shown = [name for name in ("image", "heatmap") if getattr(result, f"with_{name}")]
    with_them = f" with {' and '.join(shown).replace('heatmap', 'heat-map')}" if shown else ""
    print_line(f"{result.format}{with_them}: {result.path}")
    print_line(result.disclaimer)


def _kept_picture(path: Path, report: Report) -> Path | None:
    """Return the picture of the image that the report's run wrote, when it is that image."""
    from medx.core.errors import InputError
    from reportgen.exports.study import read_source
    from reportgen.run_pictures import image_path

    picture = path.parent.parent / image_path(report.image_id)
    if not picture.is_file():
        return None
    try:
        read_source(picture, report.image_sha256)
    except InputError:
        return None
    return picture


def _heatmap(
    report: Report, material: Material, run: str | None, *, device: str, required: bool
) -> HeatMap | None:
    """Return where the classifier found evidence for what it predicted.

    Unless the format needs it or ``run`` is given, a missing classifier is noted and None returned.
    """
    from medx.core.console import note

    prediction = report.evidence.prediction
    if prediction is None or material.pixels is None:
        return None
    try:
        return _explain(report.evidence.dataset, prediction, material.pixels, run, device)
    except MedxError as error:
        if required or run is not None:
            raise
        note(f"no heat-map: {error}" + (f" ({error.hint})" if error.hint else ""))
        return None


def _explain(
    dataset: str, prediction: Prediction, pixels: Pixels, run: str | None, device: str
) -> HeatMap:
    from classify.explanation.heatmaps import explain_images
    from classify.predict import load_classifier
    from classify.runs import find_train_run

    folder = find_train_run(dataset, run or prediction.classifier)
    classifier = load_classifier(folder, device=device)
    (again,) = classifier.predict([prediction.id], [pixels])
    differences = [
        abs(again.probabilities.get(name, 2.0) - probability)
        for name, probability in prediction.probabilities.items()
    ]
    if max(differences) > SAME_PROBABILITY:
        raise CheckpointError(
            f"{folder} is not the classifier the report leans on: it predicts something else",
            hint="pass that classifier's run as --run",
        )
    (found,) = explain_images(
        classifier,
        [prediction.id],
        classifier.fit(pixels)[None],
        target=classifier.classes.index(prediction.label),
    )
    return found
