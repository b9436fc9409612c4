"""BLEU and ROUGE-L by the libraries that others use: likeness of words, not of findings."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from medx.core.values import Interval
from reportgen.evaluation.tally import Doubles, Sums, ratio

PACKAGES = {"BLEU": "sacrebleu", "ROUGE-L": "rouge_score"}
EXTRA = "evaluate"
_ORDER = 4


def missing_packages() -> list[str]:
    """Return the measures whose packages are not installed."""
    return [name for name, module in PACKAGES.items() if importlib.util.find_spec(module) is None]


def tally_wording(
    texts: Sequence[str | None],
    references: Sequence[str | None],
    asked: Sequence[bool],
    measures: Sequence[str],
) -> dict[str, Doubles]:
    """Return what each image adds to BLEU and ROUGE-L.

    Args:
        texts: Reports by image; a missing report is an empty one.
        references: By image; where there is none the image adds nothing.
        asked: Whether the contender was asked about the image.
        measures: Names of ``PACKAGES``.
    """
    columns = {}
    for name in measures:
        measure, width = _MEASURES[name]
        columns[name] = np.array(
            [
                measure(text or "", reference) if reference and a else (0.0,) * width
                for text, reference, a in zip(texts, references, asked, strict=True)
            ]
        )
    return columns


def score_wording(sums: Mapping[str, Sums], measures: Sequence[str]) -> dict[str, Interval | None]:
    """Return corpus BLEU-4 and mean ROUGE-L F1, both 0 to 1."""
    return {name: sums[name].interval(bleu if name == "BLEU" else ratio) for name in measures}


def bleu(sums: Doubles) -> Doubles:
    """Return corpus BLEU-4, 0 to 1, of each row of summed counts ``(R, 10)``."""
    from sacrebleu.metrics.bleu import BLEU

    def one(row: Doubles) -> float:
        counts = [round(value) for value in row]
        if counts[-1] == 0:
            return float("nan")
        found = BLEU.compute_bleu(
            correct=counts[:_ORDER],
            total=counts[_ORDER : 2 * _ORDER],
            sys_len=counts[-2],
            ref_len=counts[-1],
            smooth_method="exp",
        )
        return float(found.score) / 100

    return np.array([one(row) for row in sums])


@lru_cache(maxsize=65536)
def _bleu_counts(text: str, reference: str) -> tuple[float, ...]:
    from sacrebleu.metrics.bleu import BLEU

    found = BLEU().corpus_score([text], [[reference]])
    return (*found.counts, *found.totals, found.sys_len, found.ref_len)


@lru_cache(maxsize=65536)
def _rouge_l(text: str, reference: str) -> tuple[float, ...]:
    return float(_rouge_scorer().score(reference, text)["rougeL"].fmeasure), 1.0


@lru_cache(maxsize=1)
def _rouge_scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)


_MEASURES: dict[str, tuple[Callable[[str, str], tuple[float, ...]], int]] = {
    "BLEU": (_bleu_counts, 2 * _ORDER + 2),
    "ROUGE-L": (_rouge_l, 2),
}
