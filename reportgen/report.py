"""What is kept of every report: the words, and everything needed to judge them."""

from __future__ import annotations

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from reportgen.agreement.results import Agreement, ReportWarning
from reportgen.evidence import Evidence, EvidenceItem
from reportgen.sections import Section


class GenerationSettings(Value):
    """What the engine was told besides the prompt."""

    max_new_tokens: int
    free_text: bool = Field(description="Headed text was asked for, not JSON.")
    batch_size: int | None = Field(
        default=None, description="Reports a batch; floats, and so words, may depend on it."
    )
    quantise: str | None = Field(default=None, description="How the weights were made smaller.")
    do_sample: bool = False
    seed: int = Field(description="Seed of the choice of images; greedy decoding needs none.")
    device: str


class Report(Value):
    """One draft report with its evidence and its origin."""

    schema_version: int = 2
    image_id: str
    image_sha256: str = Field(description="Of the native pixels.")
    strategy: str
    strategy_version: int
    engine: str
    engine_reason: str
    is_mock: bool
    model: str
    model_revision: str
    system_prompt: str = Field(description="Empty when the model has no system turn.")
    prompt: str
    prompt_sha256: str
    settings: GenerationSettings
    raw: str = Field(description="The engine's answer as it came, thoughts left out.")
    text: str = Field(description="The answer under headings, whatever form it came in.")
    schema_valid: bool | None = Field(
        description="Whether the answer as it came was JSON of the contract; None: headed text."
    )
    repaired: bool = Field(default=False, description="Broken JSON was put right before reading.")
    sections: list[Section]
    contract_met: bool
    missing: list[str] = Field(description="What the strategy asked for and the text lacks.")
    evidence: Evidence
    items: list[EvidenceItem] = Field(description="What P1, N1, … in the text stand for.")
    cited: list[str]
    agreement: Agreement | None = Field(
        default=None, description="What it states against the evidence; None: not looked at."
    )
    warnings: list[ReportWarning]
    unlike: str | None = Field(
        default=None, description="Why medx would not report on this image, had it not been told."
    )
    seconds: float
    prompt_tokens: int
    tokens: int
    synthetic: bool
    medx_version: str
    disclaimer: str = DISCLAIMER
    created: str

    def section(self, name: str) -> Section | None:
        """Return a section by name, or None when the text lacks it."""
        return next((section for section in self.sections if section.name == name), None)
