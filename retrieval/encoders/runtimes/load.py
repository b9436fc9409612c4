"""Loading an encoder at a runtime and a precision, exporting it first when that was not done."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path

from medx.core.errors import InputError, UnknownNameError
from medx.core.extras import require_packages
from retrieval.config import AUTO, GalleryConfig
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.encoders.runtimes import PRECISIONS, RUNTIMES
from retrieval.encoders.runtimes.exported_encoder import ExportedEncoder
from retrieval.encoders.runtimes.exported_files import holds_export, is_ready
from retrieval.encoders.runtimes.fidelity import Fidelity, Sample
from retrieval.encoders.runtimes.fidelity_check import check_fidelity
from retrieval.encoders.runtimes.sources import dir_of_encoder, find_export_dir

NEEDED = {"onnx": "onnxruntime", "openvino": "openvino"}
CPU_DEVICES = (AUTO, "cpu")


def resolve_runtime(runtime: str, precision: str) -> str:
    """Return the runtime that ``auto`` stands for (the first that knows the precision).

    Raises:
        UnknownNameError: When there is no such runtime or precision.
        InputError: When that runtime does not compute in that precision.
        MissingExtraError: When its packages are not installed.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    able = [name for name, known in RUNTIMES.items() if precision in known]
    if runtime == AUTO:
        runtime = able[0]
    if runtime not in RUNTIMES:
        raise UnknownNameError("runtime", runtime, (AUTO, *RUNTIMES))
    if runtime not in able:
        raise InputError(
            f"runtime {runtime} does not compute in {precision}",
            hint=f"--runtime {' or '.join(able)}, or --precision {' or '.join(RUNTIMES[runtime])}",
        )
    if runtime in NEEDED:
        require_packages(runtime, "export", [NEEDED[runtime]])
    return runtime


def query_runtime(config: GalleryConfig, made_by: Fingerprint) -> str:
    """Return the runtime for queries to an index, the one asked for or the quickest to start.

    That is ONNX Runtime where the encoder has been exported: it spares the start of torch.
    """
    precision = made_by.precision
    if config.runtime != AUTO or config.device not in CPU_DEVICES or made_by.runtime:
        return bulk_runtime(config, made_by)
    if precision not in RUNTIMES["onnx"] or importlib.util.find_spec("onnxruntime") is None:
        return AUTO
    folder = find_export_dir(made_by.name, config.weights)
    return "onnx" if folder is not None and is_ready(folder, precision) else AUTO


def bulk_runtime(config: GalleryConfig, made_by: Fingerprint) -> str:
    """Return the runtime for many images, the one asked for or the only one that will do."""
    return made_by.runtime or AUTO if config.runtime == AUTO else config.runtime


def load_at_runtime(
    name: str,
    load: Callable[[str], Encoder],
    *,
    weights: Path | None,
    device: str,
    runtime: str,
    precision: str,
) -> Encoder:
    """Return an encoder at a runtime; what has to be exported is, with a note.

    Args:
        name: As ``choose_encoder`` returns it.
        load: Loads the encoder itself on a device.
        weights: The folder that the user named.
        device: A ``--device`` value.
        runtime: ``auto`` or one of ``RUNTIMES``.
        precision: One of ``PRECISIONS``.

    Raises:
        InputError: When the encoder cannot run so.
    """
    if runtime == AUTO and weights is not None and holds_export(weights) and precision == "fp32":
        runtime = "onnx"
    runtime = resolve_runtime(runtime, precision)
    folder = find_export_dir(name, weights)
    if runtime == "torch":
        _refuse_export(weights)
        encoder = load(device)
        return encoder if precision == "fp32" else _at_bf16(encoder, folder, device)
    if device not in CPU_DEVICES:
        raise InputError(f"runtime {runtime} runs on the CPU", hint="leave --device out")
    if folder is None or not is_ready(folder, precision):
        from retrieval.encoders.runtimes.prepare import prepare_export

        folder = prepare_export(partial(load, "cpu"), folder, precision=precision)
    encoder = ExportedEncoder(folder, runtime=runtime, precision=precision)
    measure_export(encoder)
    return encoder


def measure_export(encoder: ExportedEncoder, sample: Sample | None = None) -> Fidelity:
    """Return how near an exported encoder stays to fp32; measured when not yet known.

    Args:
        encoder: At any runtime and precision.
        sample: What to measure on, known or not; None takes synthetic radiographs.
    """
    return check_fidelity(
        encoder,
        partial(ExportedEncoder, encoder.folder),
        encoder.folder,
        runtime=encoder.runtime,
        precision=encoder.precision,
        compared_with="onnx fp32",
        sample=sample,
    )


def _at_bf16(encoder: Encoder, folder: Path | None, device: str) -> Encoder:
    if not encoder.on_torch:
        raise InputError(
            f"encoder {encoder.name!r} computes in fp32 alone", hint="leave --precision out"
        )
    from retrieval.encoders.runtimes.autocast import AutocastEncoder

    lowered = AutocastEncoder(encoder, device=device)
    check_fidelity(
        lowered,
        lambda: encoder,
        folder or dir_of_encoder(encoder),
        runtime="torch",
        precision="bf16",
        compared_with="torch fp32",
    )
    return lowered


def _refuse_export(weights: Path | None) -> None:
    if weights is not None and holds_export(weights):
        raise InputError(
            f"{weights} holds an exported encoder, which torch cannot run",
            hint="use --runtime onnx or openvino, or pass the folder of the weights",
        )
