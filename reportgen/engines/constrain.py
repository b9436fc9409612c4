"""Hold a model to a schema while it decodes, with xgrammar (Dong 2024)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import BaseModel
from transformers import LogitsProcessor

#: Bits in each word of a mask.
_WORD = 32


def can_constrain() -> bool:
    """Tell whether xgrammar is installed."""
    return importlib.util.find_spec("xgrammar") is not None


class Constrainer:
    """Grammars of schemas over one vocabulary; a schema is compiled once.

    What a token may spell is cut to whole characters that need no escape: xgrammar lets raw control
    characters into strings that have a ``maxLength`` and counts bytes that are no character, and
    an escape could be half of a surrogate pair. Control tokens spell nothing.

    Args:
        tokenizer: Of the network.
        vocab_size: Width of the network's logits; may exceed the tokenizer's.
        stop_tokens: What ends an answer.
        thought: The tokens between which the model may think before it answers, or None.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        vocab_size: int,
        stop_tokens: Sequence[int],
        thought: tuple[int, int] | None = None,
    ) -> None:
        import xgrammar

        self.thought = thought
        self._spelling = _spelling(tokenizer, vocab_size, stop_tokens)
        self._compiler = xgrammar.GrammarCompiler(
            xgrammar.TokenizerInfo(
                self._spelling,
                xgrammar.VocabType.RAW,
                vocab_size=vocab_size,
                stop_token_ids=list(stop_tokens),
            )
        )

    def processor(self, schemas: Sequence[type[BaseModel] | None]) -> SchemaProcessor:
        """Return what holds each row of one ``generate`` call to its schema; None leaves it free.

        Serves that call only: it follows the answers as they grow.
        """
        import xgrammar

        matchers = [
            schema
            and xgrammar.GrammarMatcher(
                self._compiler.compile_json_schema(schema, any_whitespace=False)
            )
            for schema in schemas
        ]
        return SchemaProcessor(matchers, len(self._spelling), self.thought)

    def spell(self, tokens: Sequence[int]) -> str:
        """Return an answer as the grammar read it; stop tokens are empty."""
        return b"".join(self._spelling[token] for token in tokens).decode()


class SchemaProcessor(LogitsProcessor):  # type: ignore[misc] # transformers is not checked
    """Lets every row of a batch continue only as its grammar allows.

    A row that opens a thought is left alone until it closes it.

    Args:
        matchers: One a row; None for rows that may say anything.
        vocab_size: Width of the logits.
    """

    def __init__(
        self, matchers: Sequence[Any], vocab_size: int, thought: tuple[int, int] | None
    ) -> None:
        import xgrammar

        self._matchers = list(matchers)
        self._thought = thought
        self._thinking = [False] * len(matchers)
        self._mask = xgrammar.allocate_token_bitmask(len(matchers), vocab_size)
        self._filler = xgrammar.BatchGrammarMatcher()
        self._prompt = -1  # its length, once known

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take in the newest tokens ``(B, T)`` and mask the logits ``(B, vocab_size)`` in place."""
        if self._prompt < 0:
            self._prompt = input_ids.shape[-1]
        written = input_ids.shape[-1] - self._prompt
        if written:
            for row, token in enumerate(input_ids[:, -1].tolist()):
                self._accept(row, token, first=written == 1)
        held = [
            row
            for row, matcher in enumerate(self._matchers)
            if matcher and not self._thinking[row] and not matcher.is_terminated()
        ]
        if held:
            self._fill(held, may_think=not written)
            _apply(scores, self._mask, held)
        return scores

    def _accept(self, row: int, token: int, *, first: bool) -> None:
        matcher = self._matchers[row]
        if matcher is None or matcher.is_terminated():
            return
        opened, closed = self._thought or (None, None)
        if self._thinking[row]:
            self._thinking[row] = token != closed
        elif first and token == opened:
            self._thinking[row] = True
        elif not matcher.accept_token(token):
            raise RuntimeError(f"token {token} was chosen against the grammar")

    def _fill(self, held: list[int], *, may_think: bool) -> None:
        matchers = [self._matchers[row] for row in held]
        self._filler.batch_fill_next_token_bitmask(matchers, self._mask, held)
        if may_think and self._thought:
            word, bit = divmod(self._thought[0], _WORD)
            # The words are signed: bit 31 is the sign.
            self._mask[held, word] |= (1 << bit) - (1 << _WORD if bit == _WORD - 1 else 0)


def _spelling(tokenizer: Any, vocab_size: int, stop_tokens: Sequence[int]) -> list[bytes]:
    """Return what each token may spell; nothing, where it may not be used."""
    import xgrammar

    info = xgrammar.TokenizerInfo.from_huggingface(
        tokenizer, vocab_size=vocab_size, stop_token_ids=list(stop_tokens)
    )
    barred = {*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids, *stop_tokens}
    return [
        text if token not in barred and _is_plain(text) else b""
        for token, text in enumerate(info.decoded_vocab)
    ]


def _is_plain(text: bytes) -> bool:
    if b"\\" in text or any(byte < 0x20 for byte in text):
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _apply(scores: torch.Tensor, mask: torch.Tensor, rows: list[int]) -> None:
    import xgrammar

    backend = "cpu" if scores.device.type == "cpu" else "torch_native"
    xgrammar.apply_token_bitmask_inplace(
        scores, mask.to(scores.device), indices=rows, backend=backend
    )
