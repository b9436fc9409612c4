"""``medx classify export``: a trained classifier for other runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from classify.exporting.names import check_format
from medx.cli.options import (
    DataDirOption,
    DatasetOption,
    JsonOption,
    NameOption,
    OfflineOption,
    OutputOption,
    RunOption,
)

if TYPE_CHECKING:
    from pathlib import Path

    from classify.exporting.result import ExportResult
    from classify.predict import Classifier
    from medx.core.images import Pixels

EXAMPLES = 64

FormatOption = Annotated[
    str,
    typer.Option("--format", help="onnx, openvino, or pt2 (PyTorch's successor of TorchScript)."),
]


def export(
    format: FormatOption = "onnx",
    run: RunOption = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Export a classifier to other runtimes, checked against it.

    The graph goes from uint8 pixels to calibrated probabilities.
    """
    check_format(format)  # before anything is imported that takes seconds
    from classify.exporting.export import export_classifier
    from classify.predict import load_classifier
    from classify.runs import choose_run
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir, save_config

    train_dir, chosen = choose_run(run, dataset, data_dir)
    classifier = load_classifier(train_dir, "cpu")
    examples = _val_images(classifier, chosen, data_dir)
    with new_run_dir("classify", "export", name=name, output=output) as run_dir:
        result = export_classifier(classifier, format, run_dir, examples=examples)
        save_config(run_dir, {"run": str(train_dir), "dataset": chosen, "format": format})
    print_json(result) if json else _print(result)


def _val_images(classifier: Classifier, dataset: str, data_dir: Path | None) -> Pixels | None:
    """Return images of val to compare on, or None where the dataset is not at hand."""
    import numpy as np

    from medx.core.console import warn
    from medx.core.errors import MedxError
    from medx.datasets.catalog import load_dataset

    try:
        part = load_dataset(dataset, data_dir=data_dir).split("val", limit=EXAMPLES)
        loaded = part.load_pixels(classifier.size)
    except MedxError as error:
        warn(f"compared on generated pixels alone: {error}")
        return None
    return np.stack([classifier.fit(image) for image in loaded.pixels])


def _print(result: ExportResult) -> None:
    from medx.core.console import print_line, print_table

    files = ", ".join(f"{file.name} ({file.bytes / 1e6:.1f} MB)" for file in result.files)
    print_line(f"{result.classifier} as {result.format}: {files}")
    print_table(
        (
            (tensor.name, tensor.dtype, " × ".join(map(str, tensor.shape)), tensor.meaning)
            for tensor in (result.input, result.output)
        ),
        columns=("tensor", "type", "shape", "what"),
    )
    compared = " and ".join(f"{n} {kind} images" for kind, n in result.parity.images.items())
    print_line(
        f"largest difference from the model on {compared}: "
        f"{result.parity.largest_difference:.1e} (at most {result.parity.tolerance:.0e})"
    )
    print_table(
        (
            (speed.batch, f"{speed.eager:.0f}", f"{speed.exported:.0f}",
             f"{speed.exported / speed.eager:.2f}")
            for speed in result.speed
        ),
        columns=(f"batch, {result.threads} CPU threads", "eager images/s", result.format, "ratio"),
    )  # fmt: skip
    for key, value in result.load_options.items():
        print_line(f"load it with {key}={value}")
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)
