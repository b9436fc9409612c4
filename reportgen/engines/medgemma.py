"""MedGemma (Google, 2025 and 2026) through transformers: a Gemma 3 with a SigLIP image tower."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image as PILImage

from medx.core.console import note
from medx.core.device import resolve_device
from medx.core.errors import EngineError, WeightsUnavailableError
from medx.core.images import to_rgb
from reportgen.config import ReportConfig
from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.chat import (
    THOUGHT_CLOSE,
    THOUGHT_OPEN,
    Family,
    answer_tokens,
    build_messages,
    family_of,
)
from reportgen.engines.weights import Weights, fetch_weights, find_weights
from reportgen.strategies.base import Strategy

#: Bytes of weights from which a CPU is slow enough to say so.
LARGE = 1 << 30


class MedGemmaEngine(Engine):
    """Writes with MedGemma 1 or 1.5, greedily, so that the same input gives the same report."""

    name = "medgemma"

    def __init__(self, config: ReportConfig) -> None:
        super().__init__(config)
        self.weights = _locate(config)
        self.family: Family = family_of(self.weights.model, self.weights.folder)
        self.model = self.weights.model
        self.revision = self.weights.revision
        self.takes_system_prompt = self.family.system_turn
        self._network: Any = None
        self._processor: Any = None

    def token_budget(self, strategy: Strategy) -> int:
        """Return the tokens of the answer plus those of thinking."""
        asked = self.config.max_new_tokens
        return asked or strategy.max_new_tokens + self.family.thinking_tokens

    def prepare(self) -> None:
        """Load processor and network; nothing is asked of the network."""
        if self._network is not None:
            return
        device = resolve_device(self.config.device)
        note(f"loading {self.model} ({self.revision}) on {device}, messages as {self.family.name}")
        if device == "cpu" and self.weights.size > LARGE:
            note("on a CPU a report by the 4B model takes minutes and 17 GB of memory")
        self._processor, self._network = _load(self.weights, device)

    def generate(self, request: GenerationRequest) -> Generation:
        """Write one report with ``do_sample=False``."""
        self.prepare()
        inputs = self._inputs(request)
        length = inputs["input_ids"].shape[-1]
        try:
            with torch.inference_mode():
                output = self._network.generate(
                    **inputs,
                    max_new_tokens=request.max_new_tokens,
                    do_sample=False,
                    temperature=None,
                    top_k=None,
                    top_p=None,
                )
        except RuntimeError as error:  # out of memory on the GPU is one too
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise EngineError(f"{self.model} failed: {reason}", hint="try --device cpu") from error
        tokens = output[0, length:].tolist()
        return Generation(
            text=self._decode(tokens),
            prompt_tokens=length,
            tokens=len(tokens),
            cut_off=len(tokens) >= request.max_new_tokens and tokens[-1] not in self._stop_tokens(),
        )

    def _inputs(self, request: GenerationRequest) -> Any:
        messages = build_messages(
            self.family,
            system=request.prompt.system,
            text=request.prompt.text,
            image=PILImage.fromarray(to_rgb(request.pixels)),
        )
        inputs = self._processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        # ``to`` with a dtype casts pixel_values only: ids and token types stay integers.
        return inputs.to(self._network.device, dtype=self._network.dtype)

    def _decode(self, tokens: list[int]) -> str:
        known = self._processor.tokenizer.get_vocab()
        answer = answer_tokens(tokens, known.get(THOUGHT_OPEN), known.get(THOUGHT_CLOSE))
        text = str(self._processor.decode(answer, skip_special_tokens=True)).strip()
        if not text:
            raise EngineError("the model answered nothing", hint="try another --strategy")
        return text

    def _stop_tokens(self) -> set[int]:
        stop = self._network.generation_config.eos_token_id
        return set(stop) if isinstance(stop, list) else {stop}


def _locate(config: ReportConfig) -> Weights:
    try:
        return find_weights(config.model, config.weights)
    except WeightsUnavailableError:
        if config.weights is not None:
            raise
    return fetch_weights(config.model)


def _load(weights: Weights, device: str) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    # Gemma 3 overflows in float16 (transformers#36822), so bfloat16 or float32.
    half = device != "cpu" and (device != "cuda" or torch.cuda.is_bf16_supported())
    placed = {"device_map": "auto"} if device == "cuda" else {}
    try:
        processor = AutoProcessor.from_pretrained(weights.folder, local_files_only=True)
        network = AutoModelForImageTextToText.from_pretrained(
            weights.folder,
            dtype=torch.bfloat16 if half else torch.float32,
            local_files_only=True,
            use_safetensors=True,
            **placed,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsUnavailableError(
            f"cannot load {weights.model} from {weights.source}: {reason}",
            hint="the files may be damaged or of another architecture: fetch them again",
        ) from error
    return processor, (network if placed else network.to(device)).eval()
