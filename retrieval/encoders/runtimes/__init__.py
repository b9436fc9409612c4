"""Runtimes: the same encoder by torch, ONNX Runtime or OpenVINO, at full or lower precision."""

from __future__ import annotations

#: Which precisions each runtime computes in.
RUNTIMES: dict[str, tuple[str, ...]] = {
    "torch": ("fp32", "bf16"),
    "onnx": ("fp32", "int8"),
    "openvino": ("fp32", "bf16"),
}
PRECISIONS = ("fp32", "bf16", "int8")
