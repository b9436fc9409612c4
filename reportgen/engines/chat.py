"""How models want to be spoken to: MedGemma after its cards, others after their chat template."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from PIL.Image import Image as PILImage
from PIL.Image import new as new_image

from medx.core.errors import EngineError
from reportgen.control_tokens import neutralise_control_tokens

#: MedGemma 1.5 thinks between these before it answers.
THOUGHT_OPEN, THOUGHT_CLOSE = "<unused94>", "<unused95>"

_NEEDED = "take an instruction-tuned image-text-to-text model, often named -it or -Instruct"

_VERSION = re.compile(r"medgemma[-_ ]1[._]5", re.I)


@dataclass(frozen=True, kw_only=True)
class Family:
    """The message layout of one generation.

    Args:
        system_turn: Whether the system prompt is sent.
        image_first: Whether the image stands before the text.
        thinking_tokens: Tokens that thinking may take on top of the answer.
        view: Side of the square that the model makes of every image; None: not known.
    """

    name: str
    system_turn: bool
    image_first: bool
    thinking_tokens: int
    view: int | None = None


_VIEW = 896
V1 = Family(name="medgemma-1", system_turn=True, image_first=False, thinking_tokens=0, view=_VIEW)
V1_5 = Family(
    name="medgemma-1.5", system_turn=False, image_first=True, thinking_tokens=1500, view=_VIEW
)


def family_of(model: str, folder: Path) -> Family:
    """Return the layout of a model by its id, else by what its folder says of its origin."""
    said = [model] if "medgemma" in model.lower() else [folder.resolve().name, *_origin(folder)]
    return V1_5 if any(_VERSION.search(text) for text in said) else V1


def family_of_template(processor: Any, model: str) -> Family:
    """Return the layout that a processor's chat template takes, found by trying it.

    Raises:
        EngineError: When there is no template, or one that passes over image or text.
    """
    check_processor(processor, model)
    for system_turn in (True, False):
        family = Family(
            name="its chat template", system_turn=system_turn, image_first=True, thinking_tokens=0
        )
        if _renders(processor, family):
            return family
    raise EngineError(f"the chat template of {model} cannot hold an image and text", hint=_NEEDED)


def check_processor(processor: Any, model: str) -> None:
    """Raise ``EngineError`` when a processor has no chat template or takes no images."""
    if not getattr(processor, "chat_template", None):
        raise EngineError(f"{model} has no chat template", hint=_NEEDED)
    if not hasattr(processor, "image_processor"):
        raise EngineError(f"{model} takes no images", hint=_NEEDED)


def break_tokens(text: str, tokens: Iterable[str]) -> str:
    """Return ``text`` with a space after the first character of each of ``tokens`` in it.

    So that what is special to a tokenizer and was not neutralised already is read as text.
    """
    for token in sorted(tokens, key=len, reverse=True):
        if token.strip():
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def build_messages(
    family: Family, *, system: str, text: str, image: PILImage
) -> list[dict[str, Any]]:
    """Return chat messages for the processor's template; control tokens in text are neutralised."""
    words = {"type": "text", "text": neutralise_control_tokens(text)}
    picture = {"type": "image", "image": image}
    content = [picture, words] if family.image_first else [words, picture]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if family.system_turn and system:
        turn = {"type": "text", "text": neutralise_control_tokens(system)}
        messages.insert(0, {"role": "system", "content": [turn]})
    return messages


def answer_tokens(tokens: Sequence[int], opened: int | None, closed: int | None) -> list[int]:
    """Return the tokens after the last thought.

    Args:
        tokens: The newly generated ids.
        opened: Id of ``<unused94>``, or None when the vocabulary has none.
        closed: Id of ``<unused95>``, or None.

    Raises:
        EngineError: When a thought is open at the end: the answer was never written.
    """
    answer = list(tokens)
    if closed is not None and closed in answer:
        answer = answer[len(answer) - answer[::-1].index(closed) :]
    if opened is not None and opened in answer:
        raise EngineError(
            f"the model was still thinking after {len(tokens)} tokens",
            hint="raise --max-new-tokens",
        )
    return answer


def _renders(processor: Any, family: Family) -> bool:
    """Tell whether a template shows everything that is said to it, and the image."""
    words = ["text-probe", "system-probe"] if family.system_turn else ["text-probe"]
    image = new_image("RGB", (1, 1))
    messages = build_messages(family, system="system-probe", text="text-probe", image=image)
    blind = [{**turn, "content": turn["content"][-1:]} for turn in messages]
    try:
        shown, without = (
            processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            for turns in (messages, blind)
        )
    except (TemplateError, TypeError, ValueError, KeyError):
        return False
    # A template for plain strings prints the parts as Python writes them.
    whole = all(word in shown for word in words) and "'type'" not in shown
    return whole and shown != without


def _origin(folder: Path) -> list[str]:
    """Return what config and model card call the checkpoint; the card's title only.

    The text of the older card may well speak of the newer model.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        card = folder / "README.md"
        lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    except (OSError, ValueError):
        return []
    title = next((line for line in lines if line.startswith("# ")), "")
    return [str(config.get("_name_or_path", "")) if isinstance(config, dict) else "", title]
