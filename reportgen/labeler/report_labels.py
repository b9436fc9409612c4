"""All that a report states, one line a finding."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from reportgen.labeler.finding import Change, Finding, Side, Status, Zone, in_order, joined
from reportgen.labeler.mention import Mention


class FindingLabel(Value):
    """What a whole report says of one finding."""

    finding: Finding
    status: Status
    side: Side | None = None
    zones: list[Zone] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list)
    mentions: list[int] = Field(
        default_factory=list, description="Positions in ``mentions`` that the status rests on."
    )


class ReportLabels(Value):
    """What a report states; a finding of which it says nothing is not listed."""

    schema_version: int = 1
    source: str = Field(default="", description="File or report that was read.")
    findings: list[FindingLabel]
    mentions: list[Mention]
    disclaimer: str = DISCLAIMER

    def label(self, finding: Finding) -> FindingLabel | None:
        """Return what is said of a finding, or None."""
        return next((label for label in self.findings if label.finding is finding), None)

    def status(self, finding: Finding) -> Status | None:
        """Return how a finding is stated, or None."""
        label = self.label(finding)
        return label.status if label else None


def aggregate(mentions: Sequence[Mention], source: str = "") -> ReportLabels:
    """Sum up mentions: present outweighs uncertain, and uncertain outweighs absent.

    No Finding is present when something normal or absent is stated, and nothing but devices is
    present or uncertain.
    """
    stated: dict[Finding, list[tuple[int, Mention]]] = {}
    for i, mention in enumerate(mentions):
        if mention.stated and mention.finding is not Finding.no_finding:
            stated.setdefault(mention.finding, []).append((i, mention))
    labels = [_sum_up(finding, stated[finding]) for finding in in_order(Finding, stated)]
    if normal := _no_finding(labels, mentions):
        labels.insert(0, normal)
    return ReportLabels(source=source, findings=labels, mentions=list(mentions))


def _sum_up(finding: Finding, stated: Sequence[tuple[int, Mention]]) -> FindingLabel:
    status = in_order(Status, {mention.status for _, mention in stated})[0]
    told = [(i, mention) for i, mention in stated if mention.status is status]
    return FindingLabel(
        finding=finding,
        status=status,
        side=joined({m.side for _, m in told if m.side}),
        zones=in_order(Zone, {zone for _, m in told for zone in m.zones}),
        changes=in_order(Change, {change for _, m in told for change in m.changes}),
        mentions=[i for i, _ in told],
    )


def _no_finding(labels: Sequence[FindingLabel], mentions: Sequence[Mention]) -> FindingLabel | None:
    others = [label for label in labels if label.finding is not Finding.support_devices]
    if any(label.status is not Status.absent for label in others):
        return None
    said = [i for i, m in enumerate(mentions) if m.finding is Finding.no_finding and m.stated]
    if not said and not others:
        return None
    status = Status.present
    if said and not others and all(mentions[i].status is Status.uncertain for i in said):
        status = Status.uncertain
    return FindingLabel(finding=Finding.no_finding, status=status, mentions=said)
