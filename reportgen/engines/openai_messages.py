"""What is sent to an OpenAI-compatible server, and what its answers mean."""

from __future__ import annotations

import re
import zlib
from typing import Any

from PIL import Image as PILImage
from pydantic import BaseModel, Field

from medx.core.errors import EngineError
from medx.core.images import Pixels
from medx.core.pages import data_uri
from medx.core.pictures import encode
from reportgen.control_tokens import plain_line
from reportgen.engines.base import Generation, GenerationRequest
from reportgen.engines.chat import THOUGHT_CLOSE, THOUGHT_OPEN, Family, build_messages

#: Longest side of a picture that is sent.
LONGEST_SIDE = 2048

#: What servers write when they gave up in the middle (vLLM, SGLang).
_BROKEN_OFF = ("abort", "error")

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_THINKING = "the model was still thinking when its tokens ran out"
_MORE = "raise --max-new-tokens"


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(BaseModel):
    """A chat completion; whatever else servers write into it is passed over."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


class _Model(BaseModel):
    id: str
    root: str | None = None


class ModelList(BaseModel):
    """What a server says it serves."""

    data: list[_Model]

    def ids(self) -> list[str]:
        """Return the names that requests may give."""
        return [model.id for model in self.data]

    def root_of(self, model: str) -> str | None:
        """Return where a model's files came from, where the server says it (vLLM does)."""
        return next((known.root for known in self.data if known.id == model), None)


def build_body(
    request: GenerationRequest, family: Family, *, model: str, seed: int
) -> dict[str, Any]:
    """Return a chat completion's body: greedy, with the schema where there is one."""
    messages = build_messages(
        family,
        system=request.prompt.system,
        text=request.prompt.text,
        image=_shrink(request.pixels, family),
    )
    body: dict[str, Any] = {
        "model": model,
        "messages": [_for_server(message) for message in messages],
        "temperature": 0,
        "max_tokens": request.max_new_tokens,
        "seed": seed,
    }
    if request.schema is not None:
        body["response_format"] = response_format(request.schema)
    return body


def response_format(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the part of a body that asks for JSON of a schema."""
    name = _NO_NAME.sub("_", schema.__name__)[:64] or "report"
    definition = {"name": name, "schema": schema.model_json_schema(), "strict": True}
    return {"type": "json_schema", "json_schema": definition}


def read_generation(completion: Completion, family: Family) -> Generation:
    """Return the answer of a completion without its thoughts.

    Raises:
        EngineError: When there is none: refused, filtered, empty, or still thinking at the end.
    """
    choice = completion.choices[0]
    message, usage = choice.message, completion.usage or _Usage()
    if message.refusal:
        raise EngineError(f"the model refused: {plain_line(message.refusal, 200)}")
    if choice.finish_reason == "content_filter":
        raise EngineError("the server's content filter stopped the answer")
    if choice.finish_reason in _BROKEN_OFF:
        raise EngineError(f"the server broke the answer off ({choice.finish_reason})")
    cut_off = choice.finish_reason == "length"
    text = strip_thoughts(message.content or "", family)
    if not text:
        thought = message.reasoning or message.reasoning_content
        if cut_off and thought:
            raise EngineError(_THINKING, hint=_MORE)
        raise EngineError("the model answered nothing", hint="try another --strategy")
    return Generation(
        text=text,
        prompt_tokens=usage.prompt_tokens or 0,
        tokens=usage.completion_tokens or 0,
        cut_off=cut_off,
    )


def strip_thoughts(text: str, family: Family) -> str:
    """Return what stands after the last thought.

    Raises:
        EngineError: When a thought is open at the end, or the server left out where it ends.
    """
    answer = text.rpartition(THOUGHT_CLOSE)[2].strip()
    if THOUGHT_OPEN in answer:
        raise EngineError(_THINKING, hint=_MORE)
    if family.thinking_tokens and answer.startswith("thought\n"):
        raise EngineError(
            "the server leaves out the tokens between which the model thinks: "
            "thought and answer cannot be told apart",
            hint="serve it so that special tokens are kept in the text",
        )
    return answer


def _shrink(pixels: Pixels, family: Family) -> PILImage.Image:
    """Return a picture no larger than allowed, its shorter side no longer than the model's view.

    The server makes it square, as a processor on this machine does.
    """
    image = PILImage.fromarray(pixels)
    factor = min(1.0, LONGEST_SIDE / max(image.size))
    if family.view is not None:
        factor = min(factor, family.view / min(image.size))
    if factor == 1.0:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), PILImage.Resampling.BILINEAR)


def _for_server(message: dict[str, Any]) -> dict[str, Any]:
    """Return a processor's message in the form of the API."""
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(part["image"])}}
        if part["type"] == "image"
        else part
        for part in message["content"]
    ]
    if message["role"] == "system":  # some servers take no list here
        return {"role": "system", "content": "\n".join(part["text"] for part in parts)}
    return {"role": message["role"], "content": parts}


def _data_url(image: PILImage.Image) -> str:
    return data_uri(encode(image, compress_level=1, compress_type=zlib.Z_RLE))
