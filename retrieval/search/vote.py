"""What the labels of the nearest images say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medx.core.values import Hit
from retrieval.search.results import Vote, VoteShare

#: Of the softmax over similarities that weights a vote (Wu et al. 2018).
TEMPERATURE = 0.07
WEIGHTING = f"exp(similarity / {TEMPERATURE})"


def count_vote(
    hits: Sequence[Hit],
    *,
    not_counted: Sequence[str] = (),
    prevalence: dict[str, float] | None = None,
) -> Vote:
    """Return the weighted vote of the labelled hits; of several labels each has the whole weight.

    Args:
        hits: What a search found.
        not_counted: Ids whose label would be the answer itself: the query's copies and group.
        prevalence: Share of the searched images that have each label.
    """
    labelled = [hit for hit in hits if hit.label]
    voters = [hit for hit in labelled if hit.id not in not_counted]
    weights = vote_weights([hit.similarity for hit in voters])
    shares: dict[str, float] = {}
    counts: dict[str, int] = {}
    for hit, weight in zip(voters, weights, strict=True):
        for label in label_names(str(hit.label)):
            shares[label] = shares.get(label, 0.0) + weight
            counts[label] = counts.get(label, 0) + 1
    ordered = sorted(shares, key=lambda label: (-shares[label], label))
    return Vote(
        label=ordered[0] if ordered else None,
        share=min(1.0, shares[ordered[0]]) if ordered else None,
        shares=tuple(
            VoteShare(
                label=label,
                share=min(1.0, shares[label]),
                hits=counts[label],
                prevalence=None if prevalence is None else prevalence.get(label, 0.0),
            )
            for label in ordered
        ),
        voters=len(voters),
        unlabelled=len(hits) - len(labelled),
        not_counted=tuple(hit.id for hit in hits if hit.id in not_counted),
        weighting=WEIGHTING,
    )


def vote_weights(similarities: Sequence[float]) -> list[float]:
    """Return the weight of each voter; they sum to 1."""
    if not len(similarities):
        return []
    values = np.asarray(similarities, np.float64) / TEMPERATURE
    weights = np.exp(values - values.max())
    return [float(weight) for weight in weights / weights.sum()]


def label_names(label: str) -> list[str]:
    """Return the labels that ``a|b`` joins, each once."""
    return list(dict.fromkeys(label.split("|")))
