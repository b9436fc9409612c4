"""What kind of picture it is: who reads it, its regions, and what a small one cannot show."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Modality:
    """Facts that prompts and pages need of one kind of picture.

    Args:
        specialist: Who reads such pictures.
        regions: Where a structured report looks, in order.
        fine_structures: Terms for what fewer than 64 pixels cannot show.
        chest: A chest radiograph, of which the labeler knows the findings.
    """

    specialist: str
    regions: tuple[str, ...] = ("Image",)
    fine_structures: tuple[str, ...] = ()
    chest: bool = False


_CHEST = Modality(
    specialist="radiologist",
    chest=True,
    regions=("Lungs", "Pleura", "Heart and mediastinum", "Bones"),
    fine_structures=(
        "costophrenic angle", "cardiophrenic angle", "air bronchogram", "interstitial markings",
        "septal line", "fissure", "lobe", "lobar", "lingula", "hilar", "hilum", "hila", "trachea",
        "carina", "aortic knob", "rib", "clavicle", "vertebra", "nodule", "catheter", "tube",
        "pacemaker", "vascular markings", "bronchus",
    ),
)  # fmt: skip

#: First match wins; the pattern is looked for in the dataset's modality.
_KINDS: tuple[tuple[re.Pattern[str], Modality], ...] = tuple(
    (re.compile(pattern, re.I), modality)
    for pattern, modality in (
        (r"chest.*(radiograph|x-?ray)|\bcxr\b|^(cr|dx)$", _CHEST),
        (r"histolog|patholog", Modality(specialist="pathologist")),
        (r"dermato|skin", Modality(specialist="dermatologist")),
        (r"fundus|retina", Modality(specialist="ophthalmologist")),
        (r"blood|smear|cytolog", Modality(specialist="haematologist")),
        (r"microscop", Modality(specialist="pathologist")),
        (
            r"radiograph|x-?ray|tomograph|ultrasound|\b(cr|ct|dx|mg|mri?|us)\b",
            Modality(specialist="radiologist"),
        ),
    )
)


def modality_of(name: str) -> Modality:
    """Return the facts of a modality given in a dataset's own words."""
    for pattern, modality in _KINDS:
        if pattern.search(name):
            return modality
    return Modality(specialist="physician")
