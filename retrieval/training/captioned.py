"""Images with what is written of them, for image-text contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.datasets.manifest import Dataset, Record
from retrieval.prompts import prompts_for
from retrieval.training.captions import TEMPLATES

#: What stands between labels of one image, in a manifest and in the texts made of them.
SEPARATOR = "|"


@dataclass(frozen=True, eq=False)
class Captioned:
    """N records and their texts; equal ``meanings`` make a text true of another image, too.

    Args:
        records: What to read.
        texts: For each record the texts it can be described by; one is drawn each time.
        meanings: For each record the caption, or the labels, in one string.
        source: ``text`` or ``label``.
    """

    records: tuple[Record, ...]
    texts: tuple[tuple[str, ...], ...]
    meanings: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.records)

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> list[str]:
        """Return one text for each of some records; those made of labels in varying sentences."""
        drawn = []
        for row in rows:
            texts = self.texts[row]
            text = texts[rng.integers(len(texts))]
            if self.source == "label":
                text = TEMPLATES[rng.integers(len(TEMPLATES))].format(text)
            drawn.append(text)
        return drawn


def caption_split(dataset: Dataset, split: str, source: str) -> Captioned:
    """Return one split with captions, or with texts made of its labels.

    Args:
        dataset: The images.
        split: Which of them.
        source: ``text`` or ``label``; records that have none are left out.

    Raises:
        UnknownNameError: When no record is in that split.
        InputError: When fewer than two records have any.
    """
    records = tuple(
        record for record in dataset.split(split).records if (getattr(record, source) or "").strip()
    )
    if len(records) < 2:
        raise InputError(
            f"fewer than two {split} images of {dataset.name} have a {source}",
            hint="the manifest needs a text column, or labels (--texts label)",
        )
    meanings = tuple(str(getattr(record, source)).strip() for record in records)
    texts = {meaning: _describe(meaning, source) for meaning in set(meanings)}
    return Captioned(records, tuple(texts[m] for m in meanings), meanings, source)


def settle_source(dataset: Dataset, wanted: str) -> str:
    """Return ``text`` or ``label``: what ``auto`` takes, by the train split."""
    if wanted != "auto":
        return wanted
    return "text" if all(record.text for record in dataset.split("train").records) else "label"


def _describe(meaning: str, source: str) -> tuple[str, ...]:
    if source == "text":
        return (meaning,)
    names: Sequence[tuple[str, ...]] = [prompts_for(name) for name in meaning.split(SEPARATOR)]
    if len(names) == 1:
        return names[0]
    return (" and ".join(words[0] for words in names),)
