"""Whether a heat-map lies where a report places a finding."""

from __future__ import annotations

from reportgen.agreement.class_meaning import class_meaning
from reportgen.agreement.opinion import Opinion
from reportgen.agreement.statement import Statement, stance
from reportgen.evidence import HeatMapFact
from reportgen.labeler.finding import Side, Status, Zone
from reportgen.laterality import patient_zone

ID = "H1"
_HIGH = frozenset({Zone.upper_zone, Zone.apical})
_LOW = frozenset({Zone.lower_zone, Zone.basal})


def heatmap_opinion(claim: Statement, heatmap: HeatMapFact | None) -> Opinion:
    """Return whether the place of a claim is the map's; a map alone supports no finding.

    Only a claim of what the map's class shows, told with a side or a zone, is compared, and only
    the other side or the far end of the lung speaks against it.
    """
    if heatmap is None or claim.status is Status.absent or not (claim.side or claim.zones):
        return Opinion()
    meaning = class_meaning(heatmap.label, [], chest=True)
    if not any(s.status is Status.present and stance(claim, s) > 0 for s in meaning):
        return Opinion()
    place = patient_zone(heatmap.zone)
    there = place.side
    whose = f" (the patient's {there.value})" if there else ""
    words = f"the heat-map is highest at the {heatmap.zone} as seen{whose}"
    if there and claim.side in (Side.left, Side.right) and claim.side is not there:
        return Opinion(stance=-1, decisive=True, opposing=[ID], words=words)
    if _far(claim.zones, place.zone):
        return Opinion(stance=-1, opposing=[ID], words=words)
    return Opinion(stance=1, supporting=[ID], words=words)


def _far(zones: tuple[Zone, ...], peak: Zone | None) -> bool:
    """Return True for a basal finding and an upper peak, or the reverse."""
    if not zones:
        return False
    return (peak is Zone.upper_zone and set(zones) <= _LOW) or (
        peak is Zone.lower_zone and set(zones) <= _HIGH
    )
