"""Running an exported tower on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.core.quiet import import_openvino

Run: TypeAlias = Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]


def open_onnx(path: Path, *, repack: bool = True) -> Run:
    """Open a tower in ONNX Runtime.

    Args:
        path: An ONNX file.
        repack: Copy the weights into the order that products read best, which takes longer to
            open and less to run.

    Raises:
        InputError: When it cannot be read.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.log_severity_level = 3  # warnings are about shapes that were inferred
    # Idle threads that spin take the cores from decoding and from search.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not repack:
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises its own kinds, without a common base
        raise _unreadable(path, error) from error
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0], np.float32)


def open_openvino(path: Path, precision: str) -> Run:
    """Compile a tower for the CPU; the compiled form is kept beside the file.

    Args:
        path: An ONNX file.
        precision: ``fp32`` or ``bf16``.

    Raises:
        InputError: When it cannot be read, or the processor does not compute in bf16.
    """
    openvino = import_openvino()

    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise InputError(
            "this processor does not compute in bf16", hint="use --precision fp32 or int8"
        )
    options = {
        # Left alone, it computes in bf16 where it can.
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": _threads(),
        "CACHE_DIR": str(path.parent / "openvino"),
    }
    try:
        compiled = core.compile_model(str(path), "CPU", options)
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    return lambda batch: np.array(compiled(batch)[0], np.float32)


def _threads() -> int:
    """Return how many threads the user grants, 0 for as many as there are cores."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return int(value) if value.isdigit() else 0


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is not readable: {str(error).splitlines()[0]}",
        hint=f"delete {path.parent} and export again",
    )
