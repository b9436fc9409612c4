"""All reports of one run, each in a line; their words stay in their files."""

from __future__ import annotations

import textwrap

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.core.words import many
from reportgen.agreement.results import Verdict
from reportgen.report import Report

#: Characters of an impression that a table shows.
LINE = 90


class Failure(Value):
    """A report that could not be written."""

    image_id: str
    strategy: str
    reason: str


class Skipped(Value):
    """A file that could not be read."""

    image_id: str
    reason: str


class Refused(Value):
    """An image on which no report may be written."""

    image_id: str
    reason: str


class ReportRow(Value):
    """What a list of reports says of one."""

    image_id: str
    strategy: str
    path: str = Field(description="Of its JSON file, from the run folder.")
    impression: str | None = Field(description="Its first words; None where it has none.")
    contract_met: bool
    schema_valid: bool | None
    contradictions: int | None = Field(description="Claims against the evidence; None: unchecked.")
    unsupported: int | None = Field(description="Claims nothing speaks for; None: unchecked.")
    warnings: int
    resumed: bool
    tokens: int
    seconds: float


class ReportSet(Value):
    """What ``medx report generate`` prints with ``--json``."""

    schema_version: int = 2
    run_dir: str
    page: str = Field(description="The first HTML page.")
    pages: int
    dataset: str
    engine: str
    engine_reason: str
    is_mock: bool
    model: str
    model_revision: str
    synthetic: bool = Field(description="At least one image was drawn, not taken.")
    strategies: list[str]
    images: int = Field(description="Those that could be read.")
    contract_met: int = Field(description="Reports that have every section they were asked for.")
    contradicting: int = Field(description="Reports with a claim that the evidence contradicts.")
    unsupported: int = Field(description="Reports with a claim that nothing speaks for.")
    warned: int = Field(description="Reports with a warning.")
    resumed: int = Field(description="Reports kept from an earlier run of the same name.")
    skipped: list[Skipped]
    refused: list[Refused]
    failures: list[Failure]
    reports: list[ReportRow]
    disclaimer: str = DISCLAIMER

    @property
    def counted(self) -> str:
        """How many reports on how many images: "6 reports on 3 of 4 images"."""
        done = len({row.image_id for row in self.reports})
        some = f"{done} of " if done < self.images else ""
        return f"{many(len(self.reports), 'report')} on {some}{many(self.images, 'image')}"


def row_of(report: Report, path: str, *, resumed: bool) -> ReportRow:
    """Return the line of a report.

    Args:
        report: The report.
        path: Of its file, from the run folder.
        resumed: True when an earlier run wrote it.
    """
    impression = report.section("impression")
    agreement = report.agreement
    return ReportRow(
        image_id=report.image_id,
        strategy=report.strategy,
        path=path,
        impression=textwrap.shorten(impression.text, LINE, placeholder=" …")
        if impression
        else None,
        contract_met=report.contract_met,
        schema_valid=report.schema_valid,
        contradictions=agreement.count(Verdict.contradict) if agreement else None,
        unsupported=agreement.count(Verdict.unsupported) if agreement else None,
        warnings=len(report.warnings),
        resumed=resumed,
        tokens=report.tokens,
        seconds=report.seconds,
    )
