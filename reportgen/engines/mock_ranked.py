"""How the mock ranks readings, with what the evidence has for and against each."""

from __future__ import annotations

from reportgen.engines.mock_facts import Facts, capital, cite, likelihood

#: More classes than this make no differential.
MAX_READINGS = 4
_WITHOUT_CLASSES = ("abnormal image", "normal image")


def write_ranked(facts: Facts, *, fewest: int, most: int) -> str:
    """Return a numbered list of ``fewest`` to ``most`` readings, the most likely first."""
    readings = facts.readings()[: min(most, MAX_READINGS)] or list(_WITHOUT_CLASSES[:most])
    readings += ["another reading"] * (min(max(2, fewest), most) - len(readings))
    return "\n".join(
        f"{rank}. {_ranked_reading(facts, label)}" for rank, label in enumerate(readings, start=1)
    )


def _ranked_reading(facts: Facts, label: str) -> str:
    probability = facts.probability(label)
    given = "no probability"
    if probability is not None:
        given = f"{likelihood(probability)}, probability {probability:.2f}"
    lines = (facts.reading(label), given, _for(facts, label), _against(facts, label))
    return "{} ({})\nFor: {}\nAgainst: {}".format(*lines)


def _for(facts: Facts, label: str) -> str:
    reasons = []
    probability = facts.probability(label)
    if probability is not None and probability >= 0.10:
        reasons.append(f"classifier probability {probability:.2f} [P1]")
    if ids := facts.agreeing(label):
        reasons.append(f"{images(len(ids))} labelled so {cite(ids)}")
    return capital("; ".join(reasons) or "nothing in the evidence") + "."


def _against(facts: Facts, label: str) -> str:
    reasons = []
    probability = facts.probability(label)
    if probability is not None and 1 - probability >= 0.10:
        reasons.append(f"the classifier leaves {1 - probability:.2f} to other readings [P1]")
    if ids := facts.differing(label):
        reasons.append(f"{images(len(ids))} labelled otherwise {cite(ids)}")
    if not reasons:
        known = facts.evidence.prediction or facts.votes()
        reasons.append("nothing in the evidence" if known else "no evidence was given")
    return capital("; ".join(reasons)) + "."


def images(count: int) -> str:
    """Return how many similar images, in words."""
    return "one similar archived image" if count == 1 else f"{count} similar archived images"
