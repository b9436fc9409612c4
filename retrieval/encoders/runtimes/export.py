"""Writing an encoder's towers as ONNX."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medx.core.errors import InputError
from medx.core.extras import require_packages
from medx.core.files import write_text
from medx.core.quiet import quiet
from retrieval.encoders.runtimes.exported_files import TOKENIZER_FILE, tower_file, weights_of
from retrieval.encoders.runtimes.towers import Towers, example_tokens

PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def write_towers(towers: Towers, folder: Path) -> Iterator[str]:
    """Write both towers and the tokenizer into ``folder``, naming each step that is done.

    Raises:
        InputError: When a tower cannot be exported.
        MissingExtraError: When the packages that write are not installed.
    """
    check_writable()
    size = (towers.image_steps.height, towers.image_steps.width)
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=2)
    text_shape = {0: batch, 1: length} if towers.text_steps.trims else {0: batch}
    _write(towers.image, torch.zeros(2, 3, *size), {0: batch}, folder / tower_file("image", "fp32"))
    yield "image tower"
    tokens = example_tokens(towers.text_steps)
    _write(towers.text, tokens, text_shape, folder / tower_file("text", "fp32"))
    write_text(folder / TOKENIZER_FILE, towers.tokenizer)
    yield "text tower"


def write_int8_towers(folder: Path) -> Iterator[str]:
    """Write the int8 towers of an export beside its own, naming each step that is done.

    Weights are quantised per channel, activations when they are computed (ONNX Runtime's dynamic
    quantisation). Weights take 7 of the 8 bits everywhere: with all 8, processors without VNNI
    overflow, and the same file would embed otherwise on each kind.
    """
    check_writable()
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for tower in ("image", "text"):
        model = onnx.load(folder / tower_file(tower, "fp32"))
        # The exporter's notes of inner shapes contradict what the quantiser infers.
        del model.graph.value_info[:]
        with _tower_path(folder / tower_file(tower, "int8")) as path, _silent_root_logger():
            quantize_dynamic(
                model,
                path,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
                op_types_to_quantize=["MatMul", "Gemm"],
                use_external_data_format=True,
            )
        yield f"{tower} tower at int8"


def check_writable() -> None:
    """Raise ``MissingExtraError`` unless the packages that write ONNX are installed."""
    require_packages("onnx", "export", PACKAGES)


def _write(tower: nn.Module, example: Tensor, dynamic: dict[int, Any], path: Path) -> None:
    try:
        with torch.no_grad(), quiet(), _tower_path(path) as written:
            torch.onnx.export(
                tower,
                (example,),
                written,
                input_names=["input"],
                output_names=["embeddings"],
                dynamic_shapes=(dynamic,),
                dynamo=True,
                external_data=True,
                verbose=False,
            )
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"the {path.stem} tower cannot be exported: {reason}", hint="use --runtime torch"
        ) from error


@contextmanager
def _tower_path(path: Path) -> Iterator[Path]:
    """Yield where to write a tower that takes the place of ``path``, its weights before it."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        written = Path(folder) / path.name
        yield written
        # The libraries make the weights private; a result should be as readable as any other.
        (written.parent / weights_of(path.name)).chmod(written.stat().st_mode & 0o777)
        for name in (weights_of(path.name), path.name):
            (written.parent / name).replace(path.parent / name)


@contextmanager
def _silent_root_logger() -> Iterator[None]:
    """Keep the quantiser's advice, which it logs as if it were ours, from the user."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
