"""The two halves of an open_clip model, as an exporter takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from medx.core.errors import InputError
from retrieval.encoders.runtimes.clip_tokenizer import clip_tokenizer_json
from retrieval.encoders.runtimes.image_steps import ImageSteps
from retrieval.encoders.runtimes.text_steps import TextSteps

#: open_clip's cleaning functions have no public name.
CLEANING: dict[str, Literal["whitespace", "lower"]] = {
    "_clean_whitespace": "whitespace",
    "_clean_lower": "lower",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Towers:
    """What there is to export of an encoder.

    Args:
        image: Float ``(B, 3, H, W)`` to embeddings ``(B, dim)`` of any length.
        text: Token ids ``(B, L)`` to embeddings ``(B, dim)`` of any length.
        tokenizer: Content of a ``tokenizer.json``.
    """

    image: nn.Module
    image_steps: ImageSteps
    text: nn.Module
    text_steps: TextSteps
    tokenizer: str


class _ImageTower(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.model.encode_image(pixels))


class _TextTower(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.model.encode_text(tokens))


def open_clip_towers(model: Any, tokenizer: Any) -> Towers:
    """Return the towers of an open_clip model in evaluation mode.

    Raises:
        InputError: When its tokenizer does what no other library can.
    """
    steps = model.visual.preprocess_cfg
    size = steps["size"]
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    text_steps, written = _tokenizing(model, tokenizer)
    return Towers(
        image=_ImageTower(model).eval(),
        image_steps=ImageSteps(
            height=height,
            width=width,
            **{name: steps[name] for name in ("resize_mode", "interpolation", "fill_color")},
            mean=tuple(steps["mean"]),
            std=tuple(steps["std"]),
        ),
        text=_TextTower(model).eval(),
        text_steps=text_steps,
        tokenizer=written,
    )


def example_tokens(steps: TextSteps) -> Tensor:
    """Return token ids that an exporter can trace."""
    length = 16 if steps.trims else steps.context_length
    return torch.ones((2, length), dtype=torch.int64)


def _tokenizing(model: Any, tokenizer: Any) -> tuple[TextSteps, str]:
    clean = CLEANING.get(getattr(getattr(tokenizer, "clean_fn", None), "__name__", ""))
    text = getattr(model, "text", None)
    if clean is not None and _is_plain_hf(tokenizer) and isinstance(text, HFTextEncoder):
        pad_id, trims = int(text.config.pad_token_id), True
        written = str(tokenizer.tokenizer.backend_tokenizer.to_str())
    elif clean is not None and _is_plain_clip(tokenizer):
        pad_id, trims, written = 0, False, clip_tokenizer_json(tokenizer)
    else:
        raise InputError(
            "this model cuts texts into tokens in a way that no other runtime knows",
            hint="use --runtime torch",
        )
    context = int(tokenizer.context_length)
    return TextSteps(context_length=context, pad_id=pad_id, clean=clean, trims=trims), written


def _is_plain_hf(tokenizer: Any) -> bool:
    return isinstance(tokenizer, HFTokenizer) and not (
        tokenizer.tokenizer_mode or tokenizer.strip_sep_token
    )


def _is_plain_clip(tokenizer: Any) -> bool:
    return isinstance(tokenizer, SimpleTokenizer) and tokenizer.reduction_fn is None
