"""Which classes of the dataset a report states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reportgen.agreement.class_meaning import findings_of
from reportgen.agreement.class_reader import read_classes
from reportgen.evaluation.candidate import Candidate, Part
from reportgen.evaluation.results import Reading
from reportgen.labeler.finding import Finding, Status

_UNTELLING = frozenset({Finding.no_finding, Finding.support_devices})


@dataclass(frozen=True)
class Statement:
    """What one report says of the classes.

    Args:
        classes: Class → status, of those it speaks of.
        speaks: Whether it states anything at all.
        abnormal: The strongest status of any finding, devices apart.
    """

    classes: dict[str, Status]
    speaks: bool
    abnormal: Status | None

    def stated(self, reading: Reading) -> frozenset[str]:
        """Return the classes that count as stated."""
        return frozenset(name for name, status in self.classes.items() if counts(status, reading))

    def is_abnormal(self, reading: Reading) -> bool:
        """Return whether any finding, of the dataset or not, counts as stated."""
        return bool(self.stated(reading)) or counts(self.abnormal, reading)


SILENT = Statement({}, speaks=False, abnormal=None)


def counts(status: Status | None, reading: Reading) -> bool:
    """Return whether a status counts as stated."""
    if reading is Reading.present:
        return status is Status.present
    return status in (Status.present, Status.uncertain)


@dataclass(frozen=True, kw_only=True)
class ClassReader:
    """Reads what reports say of the classes of a dataset.

    Args:
        names: The classes without the normal one.
        normal: The class that means that nothing is wrong, where there is one.
        chest: Images are chest radiographs: classes may be CheXpert findings.
    """

    names: tuple[str, ...]
    normal: str | None
    chest: bool

    def read(self, candidate: Candidate) -> Statement:
        """Return what a report says.

        The impression decides where it speaks of a class or says that nothing is wrong; otherwise
        the whole text does.
        """
        said = [self._read(part) for part in (candidate.conclusion, candidate.whole) if part]
        telling = [part for part in said if part.speaks] or said[-1:]
        classes: dict[str, Status] = {}
        for part in telling:
            classes |= {name: s for name, s in part.classes.items() if name not in classes}
            if part.normal:
                classes |= {name: Status.absent for name in self.names if name not in classes}
        return Statement(
            classes=classes,
            speaks=any(part.speaks for part in said),
            abnormal=telling[0].abnormal,
        )

    def _read(self, part: Part) -> _Said:
        findings = part.labels.findings if self.chest else []
        classes = {
            name: status
            for name in self.names
            if self.chest and (status := _strongest(_statuses(part, name)))
        }
        unknown = [name for name in self.names if not (self.chest and findings_of(name))]
        asked = [*unknown, self.normal] if self.normal and not self.chest else unknown
        mentions = read_classes(part.text, asked)
        for name in unknown:
            if status := _strongest(mention.status for mention in mentions.get(name, [])):
                classes[name] = status
        normal = mentions.get(self.normal or "", [])
        said_normal = any(mention.status is not Status.absent for mention in normal)
        if self.chest:
            label = part.labels.label(Finding.no_finding)
            said_normal = label is not None and bool(label.mentions)
        others = [x.status for x in findings if x.finding not in _UNTELLING]
        return _Said(
            classes=classes,
            normal=said_normal,
            speaks=bool(classes or findings or normal),
            abnormal=_strongest(status for status in others if status is not Status.absent),
        )


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one part of a report says."""

    classes: dict[str, Status]
    normal: bool
    speaks: bool
    abnormal: Status | None


def _statuses(part: Part, name: str) -> list[Status]:
    meant = (Finding(said.finding) for said in findings_of(name))
    return [status for finding in meant if (status := part.labels.status(finding))]


def _strongest(statuses: Iterable[Status]) -> Status | None:
    return min(statuses, key=list(Status).index, default=None)
