"""From words to token ids as open_clip makes them, without torch or transformers."""

from __future__ import annotations

import html
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from medx.core.values import Value

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Trimmed texts have a multiple of this many tokens.
STEP = 8

#: Texts of these characters alone are what ftfy, an import of 0.1 s, leaves as they are.
_PLAIN = frozenset(string.ascii_letters + string.digits + string.punctuation + " \t\n") - {"&"}


class TextSteps(Value):
    """How texts become token ids.

    Attributes:
        context_length: Most tokens of a text; what is beyond is cut off.
        pad_id: Token that fills up.
        clean: What is done to the characters first.
        trims: True when the model masks padding, so that none need be computed.
    """

    context_length: int
    pad_id: int
    clean: Literal["whitespace", "lower"]
    trims: bool

    def encode(self, tokenizer: Tokenizer, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return token ids ``(B, L)``; L fits the longest text, or is the whole context."""
        rows = [tokenizer.encode(self.cleaned(text)).ids for text in texts]
        longest = max((len(row) for row in rows), default=1)
        length = min(-(-longest // STEP) * STEP, self.context_length)
        ids = np.full(
            (len(rows), length if self.trims else self.context_length), self.pad_id, np.int64
        )
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens)] = tokens
        return ids

    def cleaned(self, text: str) -> str:
        """Return ``text`` with broken characters mended and white space evened out."""
        if not _PLAIN.issuperset(text):
            import ftfy

            text = html.unescape(html.unescape(ftfy.fix_text(text)))
        text = " ".join(text.split())
        return text.lower() if self.clean == "lower" else text


def open_tokenizer(path: Path, steps: TextSteps) -> Tokenizer:
    """Read a ``tokenizer.json`` that cuts texts at the context."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(steps.context_length)
    return tokenizer
