"""Exporting an encoder into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from medx.core.console import note, progress_bar
from medx.core.files import make_dir
from medx.core.runs import now, package_versions
from retrieval.encoders.base import Encoder
from retrieval.encoders.runtimes.exported_encoder import ExportedEncoder
from retrieval.encoders.runtimes.exported_files import (
    EXPORT_FILE,
    ExportDescription,
    holds_export,
    is_ready,
    load_export,
    save_export,
)
from retrieval.encoders.runtimes.fidelity_check import check_fidelity
from retrieval.encoders.runtimes.sources import dir_of_encoder

PACKAGES = ("medx", "torch", "open_clip_torch", "onnx", "onnxruntime")


def prepare_export(load: Callable[[], Encoder], folder: Path | None, *, precision: str) -> Path:
    """Write what an export lacks for a precision and return its folder.

    Args:
        load: Loads the encoder itself; called only when its towers are not there yet.
        folder: Where to; None asks the encoder.
        precision: ``fp32``, ``bf16`` or ``int8``.

    Raises:
        InputError: When the encoder cannot be exported, or its export answers differently.
    """
    if folder is None or not holds_export(folder):
        encoder = load()
        folder = folder or dir_of_encoder(encoder)
        if not holds_export(folder):
            _export(encoder, folder)
    if not is_ready(folder, precision):
        _quantise(folder)
    return folder


def _export(encoder: Encoder, folder: Path) -> None:
    from retrieval.encoders.runtimes.export import write_towers

    towers = encoder.towers()
    note(f"exporting {encoder.name} to {folder}, once")
    make_dir(folder)
    _advance(f"exporting {encoder.name}", write_towers(towers, folder))
    description = ExportDescription(
        encoder=encoder.fingerprint,
        image_steps=towers.image_steps,
        text_steps=towers.text_steps,
        packages=package_versions(PACKAGES),
        created=now(),
    )
    save_export(folder, description)
    try:
        check_fidelity(
            ExportedEncoder(folder),
            lambda: encoder,
            folder,
            runtime="onnx",
            precision="fp32",
            compared_with="torch fp32",
        )
    except BaseException:
        (folder / EXPORT_FILE).unlink()  # nobody may use what was not found the same
        raise


def _quantise(folder: Path) -> None:
    from retrieval.encoders.runtimes.export import write_int8_towers

    description = load_export(folder)
    _advance(f"lowering {description.encoder.name} to int8", write_int8_towers(folder))
    save_export(folder, description)


def _advance(what: str, steps: Iterator[str]) -> None:
    with progress_bar(what, 2) as progress:
        for step in steps:
            progress.update(progress.task_ids[0], advance=1, status=step)
