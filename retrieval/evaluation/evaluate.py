"""How well an index answers: every protocol, written as one run."""

from __future__ import annotations

import time
from pathlib import Path

from medx.core.console import note, warn
from medx.core.errors import InputError
from medx.core.files import write_text
from retrieval.config import EvaluateConfig
from retrieval.encoders.base import Encoder
from retrieval.evaluation.figure_rows import MeasuredProtocol
from retrieval.evaluation.figures import save_precision_figure
from retrieval.evaluation.images import evaluate_images
from retrieval.evaluation.ledger import datasets_met, enter_look
from retrieval.evaluation.results import EvaluationResult, ProtocolResult
from retrieval.evaluation.texts import evaluate_texts
from retrieval.evaluation.wrong_neighbour_page import save_wrong_neighbours
from retrieval.index.gallery_index import GalleryIndex


def evaluate_index(
    index: GalleryIndex, encoder: Encoder, config: EvaluateConfig | None = None
) -> EvaluationResult:
    """Measure image→image and text→image search, with chance levels and intervals.

    What cannot be measured is left out and said in ``notes``.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When the gallery is smaller than the largest k, or nothing is labelled.
        UnknownNameError: When the index lacks the split.
    """
    config = config or EvaluateConfig()
    started = time.perf_counter()
    protocols, notes = measure_index(index, encoder, config)
    for message in notes:
        warn(message)
    description = index.description
    return EvaluationResult(
        index=index.name,
        encoder=description.encoder,
        encoder_reason=encoder.reason,
        dataset=description.dataset,
        datasets=datasets_met(index, config.split),
        synthetic=description.synthetic,
        split=config.split,
        seed=config.seed,
        seconds=time.perf_counter() - started,
        notes=tuple(notes),
        protocols=tuple(measured.result for measured in protocols),
    )


def measure_index(
    index: GalleryIndex, encoder: Encoder, config: EvaluateConfig
) -> tuple[list[MeasuredProtocol], list[str]]:
    """Return every protocol that can be measured, and what could not be and why.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When the gallery is smaller than the largest k, or nothing is labelled.
        UnknownNameError: When the index lacks the split.
    """
    index.check_encoder(encoder)
    protocols, notes = _image_protocols(index, config)
    if not encoder.supports_text:
        notes.append(f"no text→image protocol: encoder {encoder.name} reads images only")
        return protocols, notes
    note("text→image over the same images")
    texts = evaluate_texts(index, encoder, config)
    notes += _text_notes(texts.result)
    return protocols + ([texts] if texts.result.rows else []), notes


def save_evaluation(
    result: EvaluationResult,
    run_dir: Path,
    *,
    index: GalleryIndex | None = None,
    data_dir: Path | None = None,
) -> EvaluationResult:
    """Write ``metrics.json`` and its figure into ``run_dir``; return the result with its place.

    A look at test images is entered into the test ledger.

    Args:
        result: From ``evaluate_index``.
        run_dir: Where to.
        index: When given, its wrong neighbours are drawn, too.
        data_dir: Where ``.npz`` datasets are searched first for their pictures.

    Raises:
        CheckpointError: When the ledger is damaged.
    """
    looks = enter_look(result.encoder, result.datasets, result.split, run_dir)
    page = save_wrong_neighbours(index, result, run_dir, data_dir=data_dir) if index else None
    placed = result.model_copy(
        update={
            "run_dir": str(run_dir),
            "test_evaluations": looks,
            "page": str(page) if page else None,
        }
    )
    write_text(run_dir / "metrics.json", placed.model_dump_json(indent=2) + "\n")
    save_precision_figure(placed, run_dir / "figures" / "precision_at_k.png")
    return placed


def _image_protocols(
    index: GalleryIndex, config: EvaluateConfig
) -> tuple[list[MeasuredProtocol], list[str]]:
    rows = index.items.split_rows(config.split)
    label_of = index.items.column("label")
    labels = {label_of[row] for row in rows} - {None}
    if not labels:
        raise InputError(
            f"no image of split {config.split} has a label, so nothing can be measured",
            hint="give the manifest a label column and build the index again",
        )
    notes = []
    if len(labels) == 1:
        notes.append("only one class: every hit is right by construction, the figures say nothing")
    note(f"image→image, leave-one-out over {len(rows)} images")
    protocols = [evaluate_images(index, config, protocol="leave-one-out")]
    if "train" not in index.items.splits:
        notes.append("no train-gallery protocol: the index holds no train split")
    elif config.split in ("train", "all"):
        notes.append(f"no train-gallery protocol: split {config.split} holds the train images")
    else:
        note("image→image, train split as gallery")
        protocols.append(evaluate_images(index, config, protocol="train-gallery"))
    return protocols, notes


def _text_notes(result: ProtocolResult) -> list[str]:
    notes = [
        f"the encoder never learned {', '.join(words)} of the prompts for {label!r}"
        for label, words in result.unknown_words.items()
        if label not in result.unmeasured
    ]
    if result.unmeasured:
        names = ", ".join(repr(label) for label in result.unmeasured)
        notes.append(f"not measured: the encoder knows none of the words of {names}")
    if not result.rows:
        notes.append("no text→image protocol: no class is left to measure")
    return notes
