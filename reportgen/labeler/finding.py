"""The 14 CheXpert findings (Irvin et al. 2019) and what can be said of each."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import TypeVar


class Finding(str, Enum):
    """A CheXpert observation."""

    no_finding = "No Finding"
    enlarged_cardiomediastinum = "Enlarged Cardiomediastinum"
    cardiomegaly = "Cardiomegaly"
    lung_opacity = "Lung Opacity"
    lung_lesion = "Lung Lesion"
    edema = "Edema"
    consolidation = "Consolidation"
    pneumonia = "Pneumonia"
    atelectasis = "Atelectasis"
    pneumothorax = "Pneumothorax"
    pleural_effusion = "Pleural Effusion"
    pleural_other = "Pleural Other"
    fracture = "Fracture"
    support_devices = "Support Devices"


class Status(str, Enum):
    """How a finding is stated; the first outweighs the next when a report says both."""

    present = "present"
    uncertain = "uncertain"
    absent = "absent"


class Side(str, Enum):
    """The patient's side."""

    left = "left"
    right = "right"
    bilateral = "bilateral"


class Zone(str, Enum):
    """Height or region in the chest."""

    upper_zone = "upper"
    mid_zone = "mid"
    lower_zone = "lower"
    basal = "basal"
    apical = "apical"
    perihilar = "perihilar"
    retrocardiac = "retrocardiac"


class Change(str, Enum):
    """Course since an earlier examination."""

    new = "new"
    worse = "worse"
    better = "better"
    unchanged = "unchanged"


#: Findings that have no place; with them, those that do not share that of a neighbour in a list.
PLACELESS = frozenset(
    {Finding.no_finding, Finding.cardiomegaly, Finding.enlarged_cardiomediastinum}
)
UNSIDED = PLACELESS | {Finding.edema}


_Kind = TypeVar("_Kind", bound=Enum)


def in_order(kinds: type[_Kind], told: Collection[_Kind]) -> list[_Kind]:
    """Return what is told, in the order of its enum."""
    return [kind for kind in kinds if kind in told] if told else []


def joined(sides: set[Side]) -> Side | None:
    """Return the one side that ``sides`` come to."""
    if not sides:
        return None
    return next(iter(sides)) if len(sides) == 1 else Side.bilateral
