"""From words to the token ids of a SigLIP, with or without sentencepiece."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medx.core.errors import WeightsUnavailableError

#: From texts to the ids of each, the end token last.
Tokenizer = Callable[[Sequence[str]], list[list[int]]]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def canonical(text: str) -> str:
    """Return a text as SigLIP saw texts: lower case, no punctuation, single spaces."""
    return " ".join(text.lower().translate(_NO_PUNCTUATION).split())


def pad_tokens(
    rows: Sequence[Sequence[int]], *, length: int, pad_id: int, end_id: int
) -> npt.NDArray[np.int64]:
    """Return ids ``(B, length)``: SigLIP learned from padded texts and sees the padding.

    A text that is too long is cut, and still ends.
    """
    ids = np.full((len(rows), length), pad_id, np.int64)
    for row, tokens in zip(ids, rows, strict=True):
        body = list(tokens[:-1] if tokens and tokens[-1] == end_id else tokens)[: length - 1]
        row[: len(body) + 1] = [*body, end_id]
    return ids


def open_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a SigLIP folder: ``tokenizer.json``, else ``spiece.model``.

    Raises:
        ValueError: When the file is damaged.
        WeightsUnavailableError: When reading it takes a package that is not installed.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        from tokenizers import Tokenizer as Reader

        try:
            reader = Reader.from_file(str(file))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"{file.name}: {error}") from error
        reader.no_padding()
        reader.no_truncation()
        # Its file need not hold what SigLIP's own class does to a text first.
        clean = canonical if _is_siglips_own(folder) else str
        return lambda texts: [reader.encode(clean(text)).ids for text in texts]
    from transformers import SiglipTokenizer

    try:
        slow = SiglipTokenizer.from_pretrained(folder, local_files_only=True)
    except ImportError as error:
        raise WeightsUnavailableError(
            f"{folder} has no tokenizer.json, and spiece.model takes sentencepiece to read",
            hint="pip install sentencepiece protobuf",
        ) from error
    return lambda texts: [list(slow(text).input_ids) for text in texts]


def _is_siglips_own(folder: Path) -> bool:
    try:
        about = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return str(about.get("tokenizer_class", "Siglip")).startswith("Siglip")
