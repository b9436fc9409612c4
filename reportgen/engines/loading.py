"""Load a checkpoint's processor and network, in a precision that its device computes well with."""

from __future__ import annotations

from typing import Any

import torch

from medx.core.errors import (
    EngineError,
    InputError,
    MedxError,
    WeightsUnavailableError,
)
from medx.core.extras import require_packages
from reportgen.engines.weights import Weights

#: How 4-bit weights are called in a report's provenance.
FOUR_BIT = "nf4"

#: Parts that stay as they are: images lose most by four bits, and gain least.
_KEPT = ("vision_tower", "vision_model", "visual", "multi_modal_projector", "connector", "lm_head")


def first_line(error: BaseException) -> str:
    """Return an error's message as one line."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Tell a full memory, which smaller batches may mend, from other failures."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in text or "can't allocate memory" in text)
    )


def check_four_bits(device: str) -> None:
    """Refuse 4-bit weights where they cannot be computed with.

    Raises:
        InputError: When ``device`` is not an NVIDIA GPU.
        MissingExtraError: When bitsandbytes is not installed.
    """
    if device != "cuda":
        raise InputError(
            f"4-bit weights need an NVIDIA GPU, and this would run on {device}",
            hint="leave out --quantise, or use --engine openai with a server that has a GPU",
        )
    require_packages("--quantise 4bit", "quantise", ["bitsandbytes"])


def load_processor(weights: Weights) -> Any:
    """Return a checkpoint's processor, which pads batches on the left; no network is asked.

    Raises:
        WeightsUnavailableError: When it cannot be loaded.
    """
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(weights.folder, local_files_only=True)
    except Exception as error:  # damaged files end in anything
        raise _cannot_load(weights, error) from error
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return processor


def load_network(weights: Weights, device: str, *, four_bits: bool = False) -> Any:
    """Return a checkpoint's network in bfloat16 on a GPU and float32 on a CPU, ready to generate.

    Args:
        weights: Where the checkpoint is.
        device: ``cpu``, ``cuda`` or ``mps``; ``cuda`` spreads over all GPUs.
        four_bits: Compress the language model's weights to NF4.

    Raises:
        WeightsUnavailableError: When it cannot be loaded.
        EngineError: When memory does not hold it.
    """
    from transformers import AutoModelForImageTextToText

    # Gemma 3 overflows in float16 (transformers#36822), so bfloat16 or float32.
    half = device != "cpu" and (device != "cuda" or torch.cuda.is_bf16_supported())
    options: dict[str, Any] = {"device_map": "auto"} if device == "cuda" else {}
    if four_bits:
        options["quantization_config"] = _four_bits()
    try:
        network, told = AutoModelForImageTextToText.from_pretrained(
            weights.folder,
            dtype=torch.bfloat16 if half else torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
        if missing := sorted(told["missing_keys"]):  # they would stay random
            raise ValueError(f"{len(missing)} tensors are not in its files, such as {missing[0]}")
        network = (network if options else network.to(device)).eval()
    except Exception as error:  # damaged files end in anything
        raise _cannot_load(weights, error) from error
    return network


def _four_bits() -> Any:
    """Return NF4 with double quantisation (Dettmers 2023, QLoRA)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=list(_KEPT),
    )


def _cannot_load(weights: Weights, error: Exception) -> MedxError:
    if is_out_of_memory(error):
        return EngineError(
            f"{weights.model} does not fit into memory: {first_line(error)}",
            hint="--quantise 4bit on a GPU, --device cpu, or --engine openai with a server",
        )
    return WeightsUnavailableError(
        f"cannot load {weights.model} from {weights.source}: {first_line(error)}",
        hint="the files may be damaged or of another architecture: fetch them again",
    )
