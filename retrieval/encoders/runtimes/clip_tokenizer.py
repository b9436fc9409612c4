"""The byte-pair tokenizer of CLIP as a ``tokenizer.json``."""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.processors import TemplateProcessing

#: How CLIP cuts text before merging pairs (Radford et al. 2021, arXiv:2103.00020).
PIECES = (
    r"""<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
)
ENDS = ("<start_of_text>", "<end_of_text>")


def clip_tokenizer_json(simple: Any) -> str:
    """Return what reads texts as open_clip's ``SimpleTokenizer`` does, once they are cleaned."""
    merges = sorted(simple.bpe_ranks, key=simple.bpe_ranks.get)
    model = BPE(
        simple.encoder, [pair for pair in merges if len(pair) == 2], end_of_word_suffix="</w>"
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = Sequence(
        [
            Split(Regex(PIECES), behavior="removed", invert=True),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    ids = [(name, simple.encoder[name]) for name in ENDS]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{ENDS[0]} $A {ENDS[1]}", special_tokens=ids
    )
    return str(tokenizer.to_str())
