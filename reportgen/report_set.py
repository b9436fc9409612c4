"""All reports of one run."""

from __future__ import annotations

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from reportgen.report import Report


class Failure(Value):
    """A report that could not be written."""

    image_id: str
    strategy: str
    reason: str


class ReportSet(Value):
    """What ``medx report generate`` prints with ``--json``."""

    schema_version: int = 1
    run_dir: str
    page: str
    dataset: str
    engine: str
    engine_reason: str
    is_mock: bool
    model: str
    model_revision: str
    synthetic: bool
    strategies: list[str]
    images: int
    contract_met: int = Field(description="Reports that have every section they were asked for.")
    resumed: int = Field(description="Reports kept from an earlier run of the same name.")
    failures: list[Failure]
    reports: list[Report]
    disclaimer: str = DISCLAIMER
