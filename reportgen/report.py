"""What is kept of every report: the words, and everything needed to judge them."""

from __future__ import annotations

import re

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from reportgen.evidence import Evidence, EvidenceItem
from reportgen.resolution import unresolvable_terms
from reportgen.sections import Section

_BRACKETS = re.compile(r"\[([A-Z]\d+(?:\s*[,;]\s*[A-Z]\d+)*)\]")


class GenerationSettings(Value):
    """What the engine was told besides the prompt."""

    max_new_tokens: int
    do_sample: bool = False
    seed: int = Field(description="Seed of the choice of images; greedy decoding needs none.")
    device: str


class Report(Value):
    """One draft report with its evidence and its origin."""

    schema_version: int = 1
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
    text: str
    sections: list[Section]
    contract_met: bool
    missing: list[str] = Field(description="What the strategy asked for and the text lacks.")
    evidence: Evidence
    items: list[EvidenceItem] = Field(description="What P1, N1, … in the text stand for.")
    cited: list[str]
    warnings: list[str]
    seconds: float
    prompt_tokens: int
    tokens: int
    synthetic: bool
    disclaimer: str = DISCLAIMER
    created: str

    def section(self, name: str) -> Section | None:
        """Return a section by name, or None when the text lacks it."""
        return next((section for section in self.sections if section.name == name), None)


def cited_items(text: str) -> list[str]:
    """Return the evidence ids that ``text`` cites in square brackets, in order, once each."""
    groups = _BRACKETS.findall(text)
    found = [item for group in groups for item in re.findall(r"[A-Z]\d+", group)]
    return list(dict.fromkeys(found))


def check_text(text: str, evidence: Evidence, *, cut_off: bool) -> list[str]:
    """Return in words what a reader should distrust in ``text``."""
    known = {item.id for item in evidence.items()}
    cited = cited_items(text)
    warnings = []
    if cut_off:
        warnings.append("the text was cut off: the tokens ran out")
    if unknown := [item for item in cited if item not in known]:
        warnings.append(f"cites {', '.join(unknown)}, which is not in the evidence")
    if known and not cited:
        warnings.append("cites no evidence")
    if terms := unresolvable_terms(text, evidence.image_size, evidence.modality):
        height, width = evidence.image_size
        warnings.append(f"describes {', '.join(terms)}: not visible at {height} × {width} pixels")
    return warnings
