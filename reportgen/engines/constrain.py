"""Hold a model to a schema while it decodes, with xgrammar (Dong 2024)."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import BaseModel
from transformers import LogitsProcessor

from reportgen.engines.string_bounds import Bounds, Cursor, Path, take_bounds

#: Bits in each word of a mask.
_WORD = 32


def can_constrain() -> bool:
    """Tell whether xgrammar is installed."""
    return importlib.util.find_spec("xgrammar") is not None


class Constrainer:
    """Grammars of schemas over one vocabulary; a schema is compiled once.

    What a token may spell is cut to whole characters that need no escape, with one quote at most:
    xgrammar lets raw control characters into some strings, an escape could be half of a surrogate
    pair, and bytes that are no character swallow a quote when they are decoded. Control tokens
    spell nothing.

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

        self.spelling = _spelling(tokenizer, vocab_size, stop_tokens)
        self.thought = thought
        self._grammars: dict[type[BaseModel], tuple[Any, dict[Path, Bounds]]] = {}
        self._compiler = xgrammar.GrammarCompiler(
            xgrammar.TokenizerInfo(
                [text.encode() for text in self.spelling],
                xgrammar.VocabType.RAW,
                vocab_size=vocab_size,
                stop_token_ids=list(stop_tokens),
            )
        )
        heads = [text.partition('"') for text in self.spelling]
        self.before_quote = torch.tensor([len(head) for head, _, _ in heads], dtype=torch.int32)
        self.has_quote = torch.tensor([bool(quote) for _, quote, _ in heads])
        self.after_quote = torch.tensor([bool(rest) for _, _, rest in heads])

    def processor(self, schemas: Sequence[type[BaseModel] | None]) -> SchemaProcessor:
        """Return what holds each row of one ``generate`` call to its schema; None leaves it free.

        Serves that call only: it follows the answers as they grow.
        """
        return SchemaProcessor(self, [self._row(schema) if schema else None for schema in schemas])

    def spell(self, tokens: Sequence[int]) -> str:
        """Return an answer as the grammar read it; stop tokens are empty."""
        return "".join(self.spelling[token] for token in tokens)

    def _row(self, schema: type[BaseModel]) -> _Row:
        import xgrammar

        if schema not in self._grammars:
            free, bounds = take_bounds(schema)
            grammar = self._compiler.compile_json_schema(free, any_whitespace=False)
            self._grammars[schema] = grammar, bounds
        grammar, bounds = self._grammars[schema]
        return _Row(matcher=xgrammar.GrammarMatcher(grammar), bounds=bounds)


@dataclass(kw_only=True, eq=False)
class _Row:
    """One answer of a batch."""

    matcher: Any
    bounds: Mapping[Path, Bounds]
    cursor: Cursor = field(default_factory=Cursor)
    thinking: bool = False

    @property
    def is_held(self) -> bool:
        return not self.thinking and not self.matcher.is_terminated()


class SchemaProcessor(LogitsProcessor):  # type: ignore[misc] # transformers is not checked
    """Lets every row of a batch continue only as its schema allows.

    A row that opens a thought is left alone until it closes it.
    """

    def __init__(self, constrainer: Constrainer, rows: Sequence[_Row | None]) -> None:
        import xgrammar

        self._constrainer = constrainer
        self._rows = list(rows)
        self._mask = xgrammar.allocate_token_bitmask(len(rows), len(constrainer.spelling))
        self._filler = xgrammar.BatchGrammarMatcher()
        self._prompt = -1  # its length, once known
        self._tables: tuple[torch.Tensor, ...] = ()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take in the newest tokens ``(B, T)`` and mask the logits ``(B, vocab_size)`` in place."""
        if self._prompt < 0:
            self._prompt = input_ids.shape[-1]
        written = input_ids.shape[-1] - self._prompt
        if written:
            for row, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
                self._accept(row, token, first=written == 1)
        held = {i: row for i, row in enumerate(self._rows) if row and row.is_held}
        if held:
            self._hold(held, scores, may_think=not written)
        return scores

    def _accept(self, row: _Row | None, token: int, *, first: bool) -> None:
        if row is None or row.matcher.is_terminated():
            return
        opened, closed = self._constrainer.thought or (None, None)
        if row.thinking:
            row.thinking = token != closed
        elif first and token == opened:
            row.thinking = True
        elif row.matcher.accept_token(token):
            row.cursor.read(self._constrainer.spelling[token])
        else:
            raise RuntimeError(f"token {token} was chosen against the grammar")

    def _hold(self, held: Mapping[int, _Row], scores: torch.Tensor, *, may_think: bool) -> None:
        import xgrammar

        rows = list(held)
        self._filler.batch_fill_next_token_bitmask(
            [row.matcher for row in held.values()], self._mask, rows
        )
        if not self._mask[rows].any(-1).all():
            raise ValueError("no token of the model can go on in the form asked for")
        thought = self._constrainer.thought
        if may_think and thought:
            word, bit = divmod(thought[0], _WORD)
            # The words are signed: bit 31 is the sign.
            self._mask[rows, word] |= (1 << bit) - (1 << _WORD if bit == _WORD - 1 else 0)
        xgrammar.apply_token_bitmask_inplace(
            scores,
            self._mask.to(scores.device),
            indices=rows,
            backend="cpu" if scores.device.type == "cpu" else "torch_native",
        )
        for i, row in held.items():
            barred = self._too_short_or_long(row, scores.device)
            if barred is not None:
                scores[i].masked_fill_(barred, -torch.inf)

    def _too_short_or_long(self, row: _Row, device: torch.device) -> torch.Tensor | None:
        """Return which tokens ``(vocab_size,)`` break a string's bounds, or None."""
        if not self._tables:
            parts = self._constrainer
            tables = (parts.before_quote, parts.has_quote, parts.has_quote & parts.after_quote)
            self._tables = tuple(table.to(device) for table in tables)
        before, quote, opens_with_text = self._tables
        cursor = row.cursor
        if not cursor.in_string:
            return opens_with_text  # whose bounds are not known yet
        bounds = row.bounds.get(cursor.path or ())
        if bounds is None:
            return None
        length = before + cursor.length
        barred = quote & (length < bounds.fewest)
        return barred if bounds.most is None else barred | (length > bounds.most)


def _spelling(tokenizer: Any, vocab_size: int, stop_tokens: Sequence[int]) -> list[str]:
    """Return what each token may spell; nothing, where it may not be used."""
    import xgrammar

    info = xgrammar.TokenizerInfo.from_huggingface(
        tokenizer, vocab_size=vocab_size, stop_token_ids=list(stop_tokens)
    )
    barred = {*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids, *stop_tokens}
    return [
        "" if token in barred else _plain(text) for token, text in enumerate(info.decoded_vocab)
    ]


def _plain(text: bytes) -> str:
    if b"\\" in text or text.count(b'"') > 1 or any(byte < 0x20 for byte in text):
        return ""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return ""
