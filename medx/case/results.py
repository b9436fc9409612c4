"""What is kept of a case: everything that was found out about one image, and from what."""

from __future__ import annotations

from enum import Enum

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Hit, Prediction, Value
from reportgen.agreement.results import Agreement, Claim, Verdict
from reportgen.evidence import HeatMapFact
from reportgen.report import Report


class NoReport(str, Enum):
    """Why a case can be without a report."""

    refused = "refused"
    failed = "failed"


class Withheld(Value):
    """A report that was not written."""

    kind: NoReport = Field(description="Refused: the image is none to report on; or it failed.")
    reason: str
    hint: str | None = None


class CaseResult(Value):
    """One image taken through classifier, archive and engine; the image's label is not in it."""

    schema_version: int = 1
    image_id: str
    image_sha256: str = Field(description="Of the native pixels.")
    native_size: tuple[int, int] = Field(description="Height and width in pixels.")
    modality: str
    dataset: str = Field(description="What the classifier was trained on.")
    synthetic: bool = Field(description="The image is known to be drawn.")
    synthetic_source: bool = Field(description="Classifier or archive were made of drawn images.")
    is_mock: bool = Field(description="No model looked at the image for the report.")
    prediction: Prediction
    heatmap: HeatMapFact | None
    heatmap_note: str | None = Field(description="Why there is none.")
    neighbours: list[Hit] = Field(description="N1, N2, … of the evidence.")
    report: Report | None
    withheld: Withheld | None = Field(description="Why there is no report.")
    warnings: list[str] = Field(description="What a reader should know first.")
    provenance: dict[str, str]
    seconds: dict[str, float] = Field(description="What each step took.")
    run_dir: str | None = Field(default=None, description="Folder of its bundle, where told.")
    created: str
    disclaimer: str = DISCLAIMER

    @property
    def agreement(self) -> Agreement | None:
        """What the report states against the evidence."""
        return self.report.agreement if self.report else None

    @property
    def contradictions(self) -> list[Claim]:
        """What the report states and the evidence speaks against."""
        claims = self.agreement.claims if self.agreement else []
        return [claim for claim in claims if claim.verdict is Verdict.contradict]
