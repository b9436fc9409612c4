"""How often the labels of the nearest images are right, measured on val."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from medx.core.console import track
from medx.core.errors import InputError
from medx.core.words import many
from retrieval.bootstrap import mean_interval
from retrieval.config import SearchConfig
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.related import Relatives
from retrieval.search.candidates import searched_rows
from retrieval.search.results import Vote, VoteBin, VoteCheck
from retrieval.search.search import Answer
from retrieval.search.vote import count_vote, label_names

SPLIT, GALLERY_SPLIT = "val", "train"
BINS = 10
#: Queries searched at a time.
BATCH = 256


def check_vote(index: GalleryIndex, answer: Answer) -> Answer:
    """Return an answer whose vote says how often such votes are right for images of val.

    A query with words is told that the check does not speak of it.

    Raises:
        InputError: When val or the gallery holds too few labelled images.
    """
    result = answer.result
    if result.vote is None:
        raise ValueError("the answer must have a vote")
    check = measure_vote(index, top_k=result.top_k, split=result.split, where=result.where)
    note = (
        f"measured on val, against {check.gallery_split}, for queries by image; unlike images may "
        "fare otherwise"
    )
    if result.dedup or result.diversity or result.min_similarity is not None:
        note += "; hits counted there are the nearest, none left out"
    if result.kind != "image":
        note = "measured for queries by image only, and this one has words"
    vote: Vote = result.vote.model_copy(update={"check": check, "note": note})
    return replace(answer, result=result.model_copy(update={"vote": vote}))


def measure_vote(
    index: GalleryIndex, *, top_k: int, split: str = "all", where: str | None = None
) -> VoteCheck:
    """Return how often the vote of the ``top_k`` nearest is right for the labelled images of val.

    Images with the query's pixels or of its group are left out. What a user searches in is not
    always fit to measure with: val and test are replaced by train.

    Args:
        index: The gallery.
        top_k: How many hits vote.
        split: The split that is searched.
        where: A filter on the gallery.

    Raises:
        InputError: When val or the gallery holds too few labelled images.
    """
    _check_splits(index)
    gallery_split = GALLERY_SPLIT if split in ("all", SPLIT, "test") else split
    gallery = index.subset(
        searched_rows(index, SearchConfig(top_k=top_k, split=gallery_split, where=where))
    )
    labels = index.items.column("label")
    rows = np.array([r for r in index.items.split_rows(SPLIT) if labels[r]], np.int64)
    if len(rows) == 0:
        raise InputError(
            f"no image of {SPLIT} in index {index.name} has a label",
            hint=f"give the manifest labels, then: medx retrieve update {shlex.quote(index.name)}",
        )
    shares, right = _vote_for(index, gallery, rows, top_k)
    group_of = index.items.column("group")
    groups = [group_of[row] or f"row {row}" for row in rows]
    known = [label_names(str(labels[row])) for row in rows]
    names = {name for several in known for name in several}
    return VoteCheck(
        split=SPLIT,
        gallery_split=gallery_split,
        top_k=top_k,
        n=len(rows),
        accuracy=mean_interval(right, groups=groups, unit="groups of queries"),
        chance=max(sum(name in several for several in known) / len(known) for name in names),
        mean_share=float(shares.mean()),
        calibration_error=calibration_error(shares, right),
        bins=tuple(_bins(shares, right)),
    )


def calibration_error(shares: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    """Return the expected calibration error over ten bins of equal width (Guo et al. 2017)."""
    rows = _bins(shares, right)
    return float(sum(row.n * abs(row.mean_share - row.right) for row in rows) / len(shares))


def _check_splits(index: GalleryIndex) -> None:
    held = index.items.splits
    if lacking := [split for split in (SPLIT, GALLERY_SPLIT) if split not in held]:
        raise InputError(
            f"votes are checked on {SPLIT}, against {GALLERY_SPLIT}: index {index.name} holds no "
            f"image of {' or '.join(lacking)}",
            hint="leave --vote-check out; `medx data split` makes splits",
        )


def _vote_for(
    index: GalleryIndex, gallery: GalleryIndex, rows: npt.NDArray[np.int64], top_k: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    relatives = Relatives(gallery.items, np.arange(len(gallery)))
    ids = gallery.items.column("id")
    digests, groups, labels = map(index.items.column, ("content_hash", "group", "label"))
    shares, right = np.zeros(len(rows)), np.zeros(len(rows))
    starts = range(0, len(rows), BATCH)
    for start in track(starts, f"voting for {many(len(rows), 'image')}"):
        batch = rows[start : start + BATCH]
        excluded = [
            [str(ids[i]) for i in relatives.copies(digests[row]) | relatives.group(groups[row])]
            for row in batch
        ]
        found = gallery.search(index.embeddings(batch), top_k, exclude_ids=excluded)
        gallery.items.remember(np.unique(found.rows))
        for number, row in enumerate(batch):
            vote = count_vote(gallery.hits(found, number))
            shares[start + number] = vote.share or 0.0
            right[start + number] = vote.label in label_names(str(labels[row]))
    return shares, right


def _bins(shares: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> list[VoteBin]:
    places = np.minimum((shares * BINS).astype(int), BINS - 1)
    return [
        VoteBin(
            low=place / BINS,
            high=(place + 1) / BINS,
            n=int((places == place).sum()),
            mean_share=float(shares[places == place].mean()),
            right=float(right[places == place].mean()),
        )
        for place in np.unique(places).tolist()
    ]
