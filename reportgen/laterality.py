"""From the image as seen to the patient: in a frontal radiograph left is the patient's right."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.labeler.finding import Side, Zone

_SIDES = {"left": Side.right, "right": Side.left}
_ZONES = {"upper": Zone.upper_zone, "middle": Zone.mid_zone, "lower": Zone.lower_zone}


@dataclass(frozen=True, kw_only=True)
class PatientZone:
    """A place in the chest; both None in the middle of the image."""

    side: Side | None
    zone: Zone | None

    def __str__(self) -> str:
        height = f"{self.zone.value} zone" if self.zone else ""
        return " ".join(word for word in (self.side.value if self.side else "", height) if word)


def patient_zone(zone: str) -> PatientZone:
    """Return where a ninth of a frontal chest radiograph lies in the patient.

    >>> str(patient_zone("lower left"))
    'right lower zone'
    """
    words = zone.lower().split()
    return PatientZone(
        side=next((_SIDES[word] for word in words if word in _SIDES), None),
        zone=next((_ZONES[word] for word in words if word in _ZONES), None),
    )
