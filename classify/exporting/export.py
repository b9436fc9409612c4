"""A trained classifier as one file for other runtimes, proven to answer as the original does."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from classify.checkpoint import ModelDescription
from classify.encoder_probe import EncoderProbe
from classify.exporting.formats import INPUT_NAME, OUTPUT_NAME, ExportFormat, Run, find_format
from classify.exporting.graph import ExportGraph
from classify.exporting.names import PACKAGES
from classify.exporting.result import (
    ConformalThresholds,
    ExportedFile,
    ExportResult,
    Parity,
    Speed,
    TensorDescription,
)
from classify.predict import Classifier
from medx.core.console import note
from medx.core.errors import InputError
from medx.core.files import sha256_file, write_json
from medx.core.images import Pixels
from medx.core.runs import package_versions

SIDECAR_FILE = "export.json"
TOLERANCE = 1e-4
GENERATED = 16
ODD_BATCH = 7
SPEED_BATCHES = (1, 64)
REPEATS, SPEED_SECONDS = 9, 2.0


def export_classifier(
    classifier: Classifier, name: str, run_dir: Path, *, examples: Pixels | None = None
) -> ExportResult:
    """Write a classifier in another format, and ``export.json`` beside it.

    The graph takes ``uint8`` pixels at the model's size and returns calibrated probabilities.
    Nothing is written unless it agrees with the model on every image compared.

    Args:
        classifier: The model, on the CPU.
        name: ``onnx``, ``openvino`` or ``pt2``.
        run_dir: Gets the files.
        examples: Real ``uint8`` images ``(N, S, S[, 3])`` to compare on besides generated ones.

    Raises:
        MissingExtraError: When the format's packages are not installed.
        InputError: When the network cannot be exported or the export answers differently.
    """
    chosen = find_format(name)
    if isinstance(classifier.network, EncoderProbe):
        raise InputError(
            f"{classifier.name} is a linear layer on the embeddings of an encoder, which it does "
            "not hold: there is nothing whole to export",
            hint="export a network: medx classify train --recipe transfer",
        )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write(chosen, name, classifier, folder)
        run = chosen.load(folder, torch.get_num_threads())
        parity = compare(classifier, run, examples)
        if not parity.largest_difference <= TOLERANCE:  # NaN is no agreement either
            raise InputError(
                f"the {name} export differs from the model by "
                f"{parity.largest_difference:.1e}, more than {TOLERANCE:.0e}: nothing written",
                hint="choose another --format",
            )
        speed = [measure_speed(classifier, run, batch) for batch in SPEED_BATCHES]
        for path in folder.iterdir():
            shutil.move(path, run_dir / path.name)
    result = _describe(chosen, name, classifier, run_dir, parity, speed)
    write_json(run_dir / SIDECAR_FILE, result.model_dump())
    return result


def compare(classifier: Classifier, run: Run, examples: Pixels | None) -> Parity:
    """Return how far an exported graph is from its model, on generated and on real pixels."""
    kinds = {"generated": generate_pixels(classifier.description)}
    if examples is not None:
        kinds["val"] = examples
    largest = 0.0
    for pixels in kinds.values():
        for size in (len(pixels), 1, ODD_BATCH):
            difference = np.abs(run(pixels[:size]) - classifier.probabilities(pixels[:size]))
            largest = max(largest, float(difference.max()), key=_nan_last)
    return Parity(
        images={kind: len(pixels) for kind, pixels in kinds.items()},
        largest_difference=largest,
        tolerance=TOLERANCE,
    )


def generate_pixels(about: ModelDescription) -> Pixels:
    """Return noise, flat black, grey and white, and slopes: ``uint8`` ``(N, S, S[, 3])``."""
    rng = np.random.default_rng(0)
    tail = (about.size, about.size, 3) if about.colour else (about.size, about.size)
    noise = rng.integers(0, 256, (GENERATED, *tail), dtype=np.uint8)
    flat = np.stack([np.full(tail, value, np.uint8) for value in (0, 128, 255)])
    slope = np.linspace(0, 255, about.size).astype(np.uint8)
    slopes = np.broadcast_to(slope.reshape(-1, *[1] * (len(tail) - 1)), tail)
    return np.concatenate([noise, flat, np.stack([slopes, slopes[::-1], slopes.swapaxes(0, 1)])])


def measure_speed(classifier: Classifier, run: Run, batch: int) -> Speed:
    """Return images a second of the model and of its export, on the same threads."""
    source = generate_pixels(classifier.description)
    pixels = np.resize(source, (batch, *source.shape[1:]))
    return Speed(
        batch=batch,
        eager=batch / _median_seconds(lambda: classifier.probabilities(pixels)),
        exported=batch / _median_seconds(lambda: run(pixels)),
    )


def _write(chosen: ExportFormat, name: str, classifier: Classifier, folder: Path) -> None:
    note(f"exporting {classifier.name} to {name}")
    example = torch.from_numpy(generate_pixels(classifier.description)[:2])
    try:
        with torch.no_grad():
            chosen.write(ExportGraph(classifier), example, folder)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{classifier.description.architecture} cannot be exported to {name}: {reason}",
            hint="choose another --format",
        ) from error


def _describe(
    chosen: ExportFormat,
    name: str,
    classifier: Classifier,
    run_dir: Path,
    parity: Parity,
    speed: list[Speed],
) -> ExportResult:
    about = classifier.description
    tail: list[str | int] = [about.size, about.size, *([3] if about.colour else [])]
    files = [
        ExportedFile(name=path.name, bytes=path.stat().st_size, sha256=sha256_file(path))
        for path in sorted(run_dir.glob("model.*"))
    ]
    return ExportResult(
        run_dir=str(run_dir),
        classifier=classifier.name,
        format=name,
        files=files,
        input=TensorDescription(
            name=INPUT_NAME,
            dtype="uint8",
            shape=["batch", *tail],
            low=0,
            high=255,
            meaning="RGB images, channels last" if about.colour else "grey images",
        ),
        output=TensorDescription(
            name=OUTPUT_NAME,
            dtype="float32",
            shape=["batch", len(about.classes)],
            low=0,
            high=1,
            meaning=f"calibrated, of {', '.join(about.classes)}; a row sums to 1",
        ),
        load_options=dict(chosen.load_options),
        model=about,
        conformal=_conformal(classifier),
        parity=parity,
        speed=speed,
        threads=torch.get_num_threads(),
        packages=package_versions(("medx", "torch", *PACKAGES[name])),
    )


def _conformal(classifier: Classifier) -> ConformalThresholds | None:
    sets = classifier.conformal
    if sets is None:
        return None
    thresholds = dict(zip(classifier.classes, sets.thresholds, strict=True))
    return ConformalThresholds(level=sets.level, thresholds=thresholds)


def _median_seconds(work: Callable[[], npt.NDArray[np.float32]]) -> float:
    work()  # the first call plans and allocates
    times: list[float] = []
    while len(times) < REPEATS and (len(times) < 3 or sum(times) < SPEED_SECONDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _nan_last(value: float) -> float:
    return float("inf") if np.isnan(value) else value
