"""Exporting an encoder ahead of its use."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from medx.core.console import note, warn
from medx.core.errors import InputError, MedxError
from medx.core.files import atomic_dir
from medx.core.images import Pixels
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.core.words import many
from medx.datasets.manifest import Dataset
from retrieval.encoders.base import Fingerprint
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.encoders.runtimes.exported_encoder import ExportedEncoder
from retrieval.encoders.runtimes.exported_files import EXPORT_FILE, load_export
from retrieval.encoders.runtimes.fidelity import Fidelity, Sample
from retrieval.encoders.runtimes.fidelity_check import FIDELITY_FILE, stored_fidelity
from retrieval.encoders.runtimes.load import measure_export
from retrieval.prompts import prompts_for

#: Runtime and precision of what an export holds without being told more.
USUAL = ("fp32", "int8")


class ExportResult(Value):
    """What ``export_encoder`` made."""

    schema_version: int = 1
    encoder: Fingerprint
    folder: str
    files: dict[str, int]
    fidelity: dict[str, Fidelity]
    disclaimer: str = DISCLAIMER


def export_encoder(
    name: str,
    *,
    weights: Path | None = None,
    runtime: str = "onnx",
    precisions: Sequence[str] = USUAL,
    sample: Sample | None = None,
    output: Path | None = None,
) -> ExportResult:
    """Export an encoder and measure each precision, so that its first use need not.

    Args:
        name: ``auto`` or the name of an encoder.
        weights: Folder with its weights.
        runtime: ``onnx`` or ``openvino``; both run the same files.
        precisions: Of the files.
        sample: What to compare on instead of synthetic radiographs.
        output: A new folder that gets a copy, which ``--weights`` takes on another machine.

    Raises:
        InputError: When the encoder cannot be exported, or ``output`` is in the way.
    """
    if output is not None and output.exists():
        raise InputError(f"{output} is there already", hint="choose another --output")
    choice = choose_encoder(name, weights=weights)
    note(f"encoder {choice.name} ({choice.reason})")
    folder = Path()
    for precision in precisions:
        encoder = load_encoder(choice.name, weights=weights, runtime=runtime, precision=precision)
        if not isinstance(encoder, ExportedEncoder):
            raise InputError(f"runtime {runtime} exports nothing", hint="use onnx or openvino")
        if sample is not None and (runtime, precision) != ("onnx", "fp32"):
            measure_export(encoder, sample)
        folder = encoder.folder
    if output is not None:
        folder = _copy(folder, output)
    about = load_export(folder)
    return ExportResult(
        encoder=about.encoder,
        folder=str(folder),
        files=about.files,
        fidelity=stored_fidelity(folder),
    )


def dataset_sample(dataset: Dataset, count: int) -> Sample:
    """Return the first images of a dataset (of val, where it has that) and texts that fit it.

    Raises:
        InputError: When no image can be read.
    """
    part = dataset.split("val" if "val" in dataset.splits else "all", limit=count)
    images: list[Pixels] = []
    unreadable = 0
    for record in part.records:
        try:
            images.append(dataset.read(record).pixels)
        except MedxError:
            unreadable += 1
    if unreadable:
        warn(f"left out {many(unreadable, 'unreadable image')}")
    if not images:
        raise InputError(f"no readable image in {dataset.name}", hint="check the dataset")
    own = [record.text for record in part.records if record.text]
    texts = own or [text for label in dataset.classes for text in prompts_for(label)]
    return Sample(dataset.name, dataset.synthetic, images, list(dict.fromkeys(texts)))


def _copy(folder: Path, output: Path) -> Path:
    """Copy an export without what its runtimes keep beside it."""
    names = [*load_export(folder).files, FIDELITY_FILE, EXPORT_FILE]
    with atomic_dir(output) as temporary:
        for name in names:
            shutil.copy(folder / name, temporary / name)
    return output
