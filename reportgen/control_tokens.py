"""Text that a model would take for its own control tokens, made harmless."""

from __future__ import annotations

import re

#: Gemma's turns, image placeholders and unused tokens, and the look-alikes of other families.
_TOKEN = re.compile(r"<(/?\|?[A-Za-z_][A-Za-z0-9_]*\|?)>|\[(multimodal|/?INST)\]")

#: A caption is a sentence or two; more is somebody else's prompt.
MAX_CHARACTERS = 400


def neutralise_control_tokens(text: str) -> str:
    """Return ``text`` with ``<name>`` written ``‹name›``, which no tokenizer takes for control.

    Applying it twice changes nothing more.
    """
    return _TOKEN.sub(lambda match: f"‹{match.group(1) or match.group(2)}›", text)


def one_line(text: str) -> str:
    """Return text with every line break, control character and run of space as one space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain_line(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Return foreign text as one harmless line: no line breaks, no control characters, not long."""
    line = neutralise_control_tokens(one_line(text))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
