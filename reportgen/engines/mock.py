"""A report from the evidence alone: nobody and nothing looks at the image, and it says so."""

from __future__ import annotations

from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.mock_facts import Facts
from reportgen.engines.mock_sections import write_section

MARK = "MOCK REPORT: written from the evidence alone by a program that did not look at the image."


class MockEngine(Engine):
    """Puts the classifier's probability and the neighbours' labels into words."""

    name = "mock"
    is_mock = True

    def generate(self, request: GenerationRequest) -> Generation:
        """Write one report; the same evidence gives the same words."""
        facts = Facts(request.evidence)
        parts = [MARK]
        parts += [f"{s.heading}:\n{write_section(s, facts)}" for s in request.strategy.sections]
        text = "\n\n".join(parts)
        return Generation(text=text, tokens=len(text.split()))
