"""The tokens of a model that mean something besides their letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reportgen.engines.chat import THOUGHT_CLOSE, THOUGHT_OPEN


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Which tokens end an answer, hold a thought, or must not be taken from foreign text.

    Args:
        special: As they are written.
        thought: What opens and what closes a thought, or None.
    """

    special: frozenset[str]
    stop: frozenset[int]
    thought: tuple[int, int] | None

    def until_stop(self, tokens: list[int]) -> list[int]:
        """Return tokens up to the first stop token, which is kept: padding follows it."""
        end = next((i for i, token in enumerate(tokens) if token in self.stop), len(tokens))
        return tokens[: end + 1]


def read_vocabulary(tokenizer: Any, stop: int | list[int] | None) -> Vocabulary:
    """Return the special tokens of a tokenizer.

    Args:
        tokenizer: Of transformers.
        stop: ``eos_token_id`` of the generation settings; None takes the tokenizer's.
    """
    added = tokenizer.added_tokens_decoder
    known = {token.content: number for number, token in added.items()}
    thinks = THOUGHT_OPEN in known and THOUGHT_CLOSE in known
    stops = tokenizer.eos_token_id if stop is None else stop
    return Vocabulary(
        special=frozenset(token.content for token in added.values() if token.special),
        stop=frozenset(stops if isinstance(stops, list) else [stops]),
        thought=(known[THOUGHT_OPEN], known[THOUGHT_CLOSE]) if thinks else None,
    )
