"""One thing said of an image, by its report or by anything else, and how two of them stand."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.labeler.finding import Finding, Side, Status, Zone

NORMAL = Finding.no_finding.value
DEVICES = Finding.support_devices.value
#: Denied by whatever says that nothing at all is wrong.
ANYTHING = "any finding"

#: CheXpert's own tree (Irvin et al. 2019): who sees the first sees the second.
_PARENTS = {
    Finding.pneumonia: Finding.consolidation,
    Finding.consolidation: Finding.lung_opacity,
    Finding.edema: Finding.lung_opacity,
    Finding.lung_lesion: Finding.lung_opacity,
    Finding.atelectasis: Finding.lung_opacity,
    Finding.cardiomegaly: Finding.enlarged_cardiomediastinum,
}
_PARENT_NAMES = {child.value: parent.value for child, parent in _PARENTS.items()}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A finding, or a class of the dataset, with its status and place.

    Args:
        finding: A CheXpert finding's name, a class's name, or ``ANYTHING``.
        whole: It follows from "normal": the images that are called so lack the wider finding too.
        exclusive: One of several classes of which an image has exactly one.
    """

    finding: str
    status: Status = Status.present
    side: Side | None = None
    zones: tuple[Zone, ...] = ()
    whole: bool = False
    exclusive: bool = False


def lineage(finding: str) -> list[str]:
    """Return a finding and what it is a kind of, the nearest first.

    >>> lineage("Pneumonia")
    ['Pneumonia', 'Consolidation', 'Lung Opacity']
    """
    found = [finding]
    while found[-1] in _PARENT_NAMES:
        found.append(_PARENT_NAMES[found[-1]])
    return found


def related(first: str, second: str) -> bool:
    """Return True when one of two findings is a kind of the other."""
    return first in lineage(second) or second in lineage(first)


def stance(claim: Statement, said: Statement) -> int:
    """Return 1 when ``said`` supports ``claim``, -1 when it speaks against it, else 0.

    A finding supports all that it is a kind of; its absence speaks against all its kinds.
    """
    sign = -1 if claim.status is Status.absent else 1
    there = said.status is not Status.absent
    if said.exclusive:
        return sign if said.finding == claim.finding else -sign
    if NORMAL in (claim.finding, said.finding):
        return _of_normal(claim, said, there)
    if said.finding == ANYTHING:
        return 0 if claim.finding == DEVICES else -sign
    if there:
        return sign if claim.finding in lineage(said.finding) else 0
    if said.finding in lineage(claim.finding):
        return -sign
    return int(said.whole and sign < 0 and claim.finding in lineage(said.finding))


def _of_normal(claim: Statement, said: Statement, there: bool) -> int:
    """Return the stance where the claim, or what is said, is that nothing is wrong."""
    if claim.finding != NORMAL:
        return 0  # what a normal image lacks is said beside, finding by finding
    if said.finding == NORMAL:
        return 1 if there else -1
    return -1 if there and said.finding != DEVICES else 0


def strongest(claim: Statement, said: list[Statement]) -> int:
    """Return the stance of one who says several things: what is there outweighs what is not."""
    ordered = sorted(said, key=lambda statement: statement.status is Status.absent)
    return next((found for s in ordered if (found := stance(claim, s))), 0)
