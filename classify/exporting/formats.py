"""The formats a classifier is exported to: how each is written, and how it is run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from classify.exporting.names import check_format
from medx.core.images import Pixels
from medx.core.quiet import import_openvino

INPUT_NAME, OUTPUT_NAME = "pixels", "probabilities"

Run: TypeAlias = Callable[[Pixels], npt.NDArray[np.float32]]


class ExportFormat(ABC):
    """One format.

    Args:
        file_name: Of the file to load.
        load_options: What a runtime must be told to compute as medx does.
    """

    file_name: ClassVar[str]
    load_options: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def write(self, graph: nn.Module, example: Tensor, folder: Path) -> None:
        """Write ``graph`` into ``folder``; the first dimension of ``example`` is made dynamic."""

    @abstractmethod
    def load(self, folder: Path, threads: int) -> Run:
        """Return a function from ``uint8`` pixels to probabilities, on so many CPU threads."""


class OnnxFormat(ExportFormat):
    """ONNX, run by onnxruntime."""

    file_name = "model.onnx"

    def write(self, graph: nn.Module, example: Tensor, folder: Path) -> None:
        """Write ``model.onnx``, weights inside."""
        torch.onnx.export(
            graph,
            (example,),
            folder / self.file_name,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_shapes=_dynamic_batch(),
            dynamo=True,
            external_data=False,
            verbose=False,
        )

    def load(self, folder: Path, threads: int) -> Run:
        """Open an onnxruntime session."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            folder / self.file_name, options, providers=["CPUExecutionProvider"]
        )
        return lambda pixels: np.asarray(session.run(None, {INPUT_NAME: pixels})[0], np.float32)


class OpenVinoFormat(ExportFormat):
    """OpenVINO's intermediate representation, made from ONNX."""

    file_name = "model.xml"
    # Its CPU plug-in computes in bfloat16 where it can, which moves probabilities by more than
    # 1e-4; the file itself cannot forbid that.
    load_options: ClassVar[Mapping[str, str]] = {"INFERENCE_PRECISION_HINT": "f32"}

    def write(self, graph: nn.Module, example: Tensor, folder: Path) -> None:
        """Write ``model.xml`` and ``model.bin``."""
        openvino = import_openvino()

        OnnxFormat().write(graph, example, folder)
        onnx_path = folder / OnnxFormat.file_name
        # Not convert_model, which reports each conversion to its maker over the network.
        model = openvino.Core().read_model(onnx_path)
        openvino.save_model(model, folder / self.file_name, compress_to_fp16=False)
        onnx_path.unlink()

    def load(self, folder: Path, threads: int) -> Run:
        """Compile for the CPU."""
        openvino = import_openvino()

        options: dict[str, Any] = {**self.load_options, "INFERENCE_NUM_THREADS": threads}
        compiled = openvino.Core().compile_model(folder / self.file_name, "CPU", options)
        return lambda pixels: np.array(compiled(pixels)[0], np.float32)


class Pt2Format(ExportFormat):
    """PyTorch's own archive of an exported program, for Python and AOTInductor."""

    file_name = "model.pt2"

    def write(self, graph: nn.Module, example: Tensor, folder: Path) -> None:
        """Write ``model.pt2``."""
        program = torch.export.export(graph, (example,), dynamic_shapes=_dynamic_batch())
        torch.export.save(program, folder / self.file_name)

    def load(self, folder: Path, threads: int) -> Run:
        """Load the program; ``threads`` is whatever torch has."""
        module = torch.export.load(folder / self.file_name).module()

        @torch.inference_mode()
        def run(pixels: Pixels) -> npt.NDArray[np.float32]:
            return np.asarray(module(torch.tensor(pixels)).numpy(), np.float32)

        return run


FORMATS: dict[str, ExportFormat] = {
    "onnx": OnnxFormat(),
    "openvino": OpenVinoFormat(),
    "pt2": Pt2Format(),
}


def find_format(name: str) -> ExportFormat:
    """Return a format by name.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When it is TorchScript, which PyTorch has deprecated.
        MissingExtraError: When its packages are not installed.
    """
    check_format(name)
    return FORMATS[name]


def _dynamic_batch() -> tuple[dict[int, Any]]:
    return ({0: torch.export.Dim("batch", min=1)},)
