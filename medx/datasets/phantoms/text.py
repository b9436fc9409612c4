"""Captions and reference reports that say what a phantom shows, and nothing else."""

from collections.abc import Sequence

import numpy as np

from medx.datasets.phantoms.findings import FindingPlan

TERMS: dict[str, tuple[str, ...]] = {
    "consolidation": ("consolidation", "airspace opacity"),
    "pleural effusion": ("pleural effusion",),
    "pneumothorax": ("pneumothorax",),
    "cardiomegaly": ("cardiomegaly", "enlarged heart", "enlarged cardiac silhouette"),
    "nodule": ("nodule",),
    "interstitial opacity": (
        "interstitial opacities",
        "reticular opacities",
        "interstitial markings",
    ),
}
"""Every wording of each finding; one of them stands in each caption and report that names it."""

_EXTENT = {"small": "a small area of", "moderate": "moderate", "large": "extensive"}
_DEGREE = {"small": "mild", "moderate": "moderate", "large": "marked"}
_BULK = {"small": "a small", "moderate": "a medium-sized", "large": "a large"}
_VOLUME = {"small": "a small", "moderate": "a moderate", "large": "a large"}
_NORMAL_CAPTIONS = (
    "No acute cardiopulmonary abnormality.",
    "The lungs are clear and the heart is normal in size.",
    "Clear lungs with a normal cardiac silhouette.",
    "Normal heart size and clear lungs.",
    "No focal consolidation, pleural effusion or pneumothorax.",
    "Lungs are well aerated without focal abnormality.",
)
_OPENINGS = (
    "Frontal chest radiograph. {first}.",
    "PA chest X-ray. {first}.",
    "Chest radiograph showing {phrase}.",
    "Frontal view of the chest with {phrase}.",
    "Chest X-ray demonstrates {phrase}.",
    "{first}.",
    "{first} on frontal chest radiograph.",
    "{there}.",
)
_NORMAL_OPENINGS = (
    "Frontal chest radiograph. {}",
    "PA chest X-ray. {}",
    "Normal chest X-ray. {}",
    "{}",
)


def write_caption(plans: Sequence[FindingPlan], rng: np.random.Generator) -> str:
    """Return one or two natural sentences."""
    if not plans:
        return _pick(_NORMAL_OPENINGS, rng).format(_pick(_NORMAL_CAPTIONS, rng))
    phrases = [_PHRASES[plan.name](plan, rng) for plan in plans]
    phrase = (", and " if "," in phrases[0] else " and ").join(phrases)
    there = _there(plans[0].name, phrase)
    return _pick(_OPENINGS, rng).format(phrase=phrase, first=_sentence(phrase), there=there)


def write_report(plans: Sequence[FindingPlan], rng: np.random.Generator) -> str:
    """Return a reference report with a FINDINGS and an IMPRESSION section."""
    phrases = {plan.name: _PHRASES[plan.name](plan, rng) for plan in plans}
    lines = [
        _lungs(phrases, rng),
        _pleura(phrases, rng),
        _heart(plans, phrases, rng),
        "No acute osseous abnormality.",
    ]
    impression = [_impression(plan) for plan in plans] or [_normal_impression(rng)]
    if len(impression) > 1:
        impression = [f"{number}. {line}" for number, line in enumerate(impression, start=1)]
    return f"FINDINGS:\n{' '.join(lines)}\n\nIMPRESSION:\n" + "\n".join(impression)


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _there(name: str, phrase: str) -> str:
    return f"There {'are' if name == 'interstitial opacity' else 'is'} {phrase}"


def _sentence(phrase: str) -> str:
    """Drop a leading article, as radiologists do, and start with a capital."""
    bare = phrase.removeprefix("a ").removeprefix("an ")
    return bare[0].upper() + bare[1:]


def _consolidation(plan: FindingPlan, rng: np.random.Generator) -> str:
    term = _pick(TERMS["consolidation"], rng)
    where = _pick(
        ("in the {0} {1} lung zone", "in the {0} {1} zone", "in the {1} zone of the {0} lung"), rng
    )
    phrase = f"{_EXTENT[plan.size]} {term} {where.format(plan.side, plan.zone)}"
    return phrase + _pick(("", "", ", suggesting pneumonia", ", in keeping with pneumonia"), rng)


def _effusion(plan: FindingPlan, rng: np.random.Generator) -> str:
    sided = _pick((plan.side, f"{plan.side}-sided"), rng)
    tail = (
        _pick(("", " with blunting of the costophrenic angle"), rng) if plan.size == "small" else ""
    )
    return f"{_VOLUME[plan.size]} {sided} pleural effusion{tail}"


def _pneumothorax(plan: FindingPlan, rng: np.random.Generator) -> str:
    sided = _pick((plan.side, f"{plan.side}-sided"), rng)
    apical = _pick(("", "apical "), rng) if plan.size != "large" else ""
    tail = _pick(("", " with a visible pleural line"), rng)
    return f"{_VOLUME[plan.size]} {sided} {apical}pneumothorax{tail}"


def _cardiomegaly(plan: FindingPlan, rng: np.random.Generator) -> str:
    degree = _DEGREE[plan.size]
    article = "an" if degree[0] in "aeiou" else "a"
    return _pick(
        (
            f"{degree} cardiomegaly",
            f"{article} {degree}ly {_pick(TERMS['cardiomegaly'][1:], rng)}",
        ),
        rng,
    )


def _nodule(plan: FindingPlan, rng: np.random.Generator) -> str:
    kind = _pick(("nodule", "pulmonary nodule", "rounded nodule"), rng)
    where = _pick(
        ("in the {0} {1} lung zone", "in the {0} {1} zone", "in the {1} zone of the {0} lung"), rng
    )
    return f"{_BULK[plan.size]} {kind} {where.format(plan.side, plan.zone)}"


def _interstitial(plan: FindingPlan, rng: np.random.Generator) -> str:
    term = _pick(TERMS["interstitial opacity"], rng)
    kind = f"prominent {term}" if term == "interstitial markings" else term
    spread = "with lower zone predominance" if plan.zone == "lower" else "throughout both lungs"
    return f"{_DEGREE[plan.size]} bilateral {kind} {spread}"


_PHRASES = {
    "consolidation": _consolidation,
    "pleural effusion": _effusion,
    "pneumothorax": _pneumothorax,
    "cardiomegaly": _cardiomegaly,
    "nodule": _nodule,
    "interstitial opacity": _interstitial,
}


def _present(names: Sequence[str], phrases: dict[str, str]) -> list[str]:
    return [f"{_there(name, phrases[name])}." for name in names if name in phrases]


def _lungs(phrases: dict[str, str], rng: np.random.Generator) -> str:
    present = _present(("consolidation", "nodule", "interstitial opacity"), phrases)
    if present:
        return " ".join(present)
    if "pleural effusion" in phrases or "pneumothorax" in phrases:
        return "The aerated lung shows no focal consolidation."
    return _pick(
        ("The lungs are clear.", "Lungs are well aerated and clear.", "No focal lung opacity."), rng
    )


def _pleura(phrases: dict[str, str], rng: np.random.Generator) -> str:
    present = _present(("pleural effusion", "pneumothorax"), phrases)
    if not present:
        return _pick(("No pleural effusion or pneumothorax.", "The pleural spaces are clear."), rng)
    absent = [name for name in ("pleural effusion", "pneumothorax") if name not in phrases]
    return " ".join(present + [f"No {name}." for name in absent])


def _heart(plans: Sequence[FindingPlan], phrases: dict[str, str], rng: np.random.Generator) -> str:
    if "cardiomegaly" in phrases:
        return _present(("cardiomegaly",), phrases)[0]
    if any(plan.name == "pleural effusion" and plan.size == "large" for plan in plans):
        return "The visible cardiac silhouette is not enlarged."
    return _pick(
        ("The heart is normal in size.", "Cardiomediastinal silhouette is within normal limits."),
        rng,
    )


def _impression(plan: FindingPlan) -> str:
    place = f"in the {plan.side} {plan.zone} lung zone"
    extent, degree = _sentence(_EXTENT[plan.size]), _DEGREE[plan.size].capitalize()
    lines = {
        "consolidation": f"{extent} consolidation {place}, suggesting pneumonia.",
        "pleural effusion": f"{plan.size.capitalize()} {plan.side} pleural effusion.",
        "pneumothorax": f"{plan.size.capitalize()} {plan.side} pneumothorax.",
        "cardiomegaly": f"{degree} cardiomegaly.",
        "nodule": f"{_sentence(_BULK[plan.size])} nodule {place}.",
        "interstitial opacity": f"{degree} bilateral interstitial opacities.",
    }
    return lines[plan.name]


def _normal_impression(rng: np.random.Generator) -> str:
    return _pick(("No acute cardiopulmonary abnormality.", "Normal chest radiograph."), rng)
