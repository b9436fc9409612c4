"""The formats by name, and what each needs; light to import."""

from __future__ import annotations

from medx.core.errors import InputError, UnknownNameError
from medx.core.extras import require_packages

_ONNX = ("onnx", "onnxscript", "onnxruntime")

#: Format → what writing and running it needs besides medx.
PACKAGES: dict[str, tuple[str, ...]] = {
    "onnx": _ONNX,
    "openvino": (*_ONNX, "openvino"),
    "pt2": (),
}


def check_format(name: str) -> None:
    """Raise unless there is a format of that name that can be written here.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When it is TorchScript, which PyTorch has deprecated.
        MissingExtraError: When its packages are not installed.
    """
    if name == "torchscript":
        raise InputError(
            "PyTorch has deprecated TorchScript and warns against writing new files",
            hint="--format pt2 is its successor; --format onnx also runs without Python",
        )
    if name not in PACKAGES:
        raise UnknownNameError("export format", name, PACKAGES)
    require_packages(name, "export", PACKAGES[name])
