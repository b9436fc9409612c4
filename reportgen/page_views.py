"""What a page shows of an image and of the reports on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as PILImage

from medx.core.pages import data_uri
from medx.core.pictures import encode
from reportgen.agreement.results import VERDICTS, Claim, Verdict
from reportgen.evidence import EvidenceItem
from reportgen.exports.document import provenance_of
from reportgen.item import ReportItem
from reportgen.marked_text import Piece, mark_text
from reportgen.report import Report
from reportgen.report_files import read_report
from reportgen.report_set import ReportRow
from reportgen.run_pictures import heatmap_path, image_path, neighbour_path

#: Longest side of a picture on a page; the run keeps the native pixels beside it.
SHOWN_SIDE = 512
#: Larger pictures are photographs as far as their size in a page goes.
PNG_SIDE = 256


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What pages show of an image besides its reports; light, since a run keeps it of every image.

    Args:
        reference_label: The true label, which is in no report.
        kind: Why the image was chosen.
    """

    image_id: str
    about: str
    reference_label: str | None
    kind: str | None

    @classmethod
    def of(cls, item: ReportItem) -> Shown:
        """Return what is shown of an image."""
        evidence = item.evidence
        height, width = evidence.image_size
        modality = evidence.modality or "image"
        return cls(
            image_id=evidence.image_id,
            about=f"{modality[:1].upper()}{modality[1:]}, native size {height} × {width} pixels",
            reference_label=item.reference_label,
            kind=item.kind.value if item.kind else None,
        )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a page.

    Args:
        uri: The picture itself.
        path: Its file, from the run folder.
        small: True when single pixels should be seen.
    """

    uri: str
    path: str
    small: bool


@dataclass(frozen=True, kw_only=True)
class NeighbourView:
    """A similar case as a page shows it."""

    evidence_id: str
    name: str
    label: str | None
    similarity: float
    text: str | None
    picture: Picture | None


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """A report as a page shows it."""

    report: Report
    path: str
    pieces: list[Piece]
    claims: list[tuple[int, str, Claim]] = field(default_factory=list)

    @property
    def contradicts(self) -> bool:
        """True when the evidence contradicts a claim."""
        return any(claim.verdict is Verdict.contradict for _, _, claim in self.claims)

    @property
    def origin(self) -> dict[str, str]:
        """What made the report."""
        return provenance_of(self.report)

    def verdict_of(self, number: int) -> str:
        """Return the verdict on a claim as a style's name."""
        return self.claims[number - 1][2].verdict.value

    def word_of(self, number: int) -> str:
        """Return the verdict on a claim in words."""
        return self.claims[number - 1][1]


@dataclass(frozen=True, kw_only=True)
class ImageView:
    """An image with everything that is said of it.

    Args:
        number: Its place in the run, from 1.
        problems: Why there are fewer reports than were asked for.
    """

    number: int
    shown: Shown
    problems: list[str]
    facts: list[EvidenceItem]
    image: Picture | None
    heatmap: Picture | None
    heatmap_caption: str
    neighbours: list[NeighbourView]
    reports: list[ReportView]

    @property
    def contradicts(self) -> bool:
        """True when the evidence contradicts a claim of one of its reports."""
        return any(view.contradicts for view in self.reports)

    @property
    def warned(self) -> bool:
        """True when one of its reports has a warning, or there is none."""
        return any(view.report.warnings for view in self.reports) or bool(self.problems)


def view_image(
    number: int,
    shown: Shown,
    rows: Sequence[ReportRow],
    problems: Sequence[str],
    run_dir: Path,
) -> ImageView:
    """Read what a run wrote of an image.

    Args:
        number: Its place in the run, from 1.
        shown: What is not on disk.
        rows: Its reports.
        problems: Why there are no more.
        run_dir: Where they are.
    """
    views = [_view_report(read_report(run_dir / row.path), row.path) for row in rows]
    report = views[0].report if views else None
    facts = report.items if report else []
    hits = report.evidence.neighbours if report else []
    has_map = report is not None and report.evidence.heatmap is not None
    return ImageView(
        number=number,
        shown=shown,
        problems=list(problems),
        facts=facts,
        image=_picture(run_dir, image_path(shown.image_id)),
        heatmap=_picture(run_dir, heatmap_path(shown.image_id)) if has_map else None,
        heatmap_caption=next((item.statement for item in facts if item.id == "H1"), ""),
        neighbours=[
            NeighbourView(
                evidence_id=f"N{n}",
                name=hit.id,
                label=hit.label,
                similarity=hit.similarity,
                text=hit.text,
                picture=_picture(run_dir, neighbour_path(hit.id)),
            )
            for n, hit in enumerate(hits, start=1)
        ],
        reports=views,
    )


def _view_report(report: Report, path: str) -> ReportView:
    claims = report.agreement.claims if report.agreement else []
    return ReportView(
        report=report,
        path=path,
        pieces=mark_text(report),
        claims=[(n, VERDICTS[c.verdict], c) for n, c in enumerate(claims, start=1)],
    )


def describe_claim(claim: Claim) -> str:
    """Return what a claim states: ``pleural effusion: present, left``."""
    place = [claim.side.value] if claim.side else []
    place += [zone.value for zone in claim.zones]
    return f"{claim.finding}: {', '.join([claim.status.value, *place])}"


def _picture(run_dir: Path, path: str) -> Picture | None:
    file = run_dir / path
    if not file.is_file():
        return None
    with PILImage.open(file) as opened:
        small = max(opened.size) < PNG_SIDE
        opened.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        kind = "png" if max(opened.size) <= PNG_SIDE else "jpeg"
        content = encode(opened, kind, **({"quality": 88} if kind == "jpeg" else {}))
    return Picture(uri=data_uri(content, kind), path=path, small=small)
