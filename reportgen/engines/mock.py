"""A report from the evidence alone: nobody and nothing looks at the image, and it says so."""

from __future__ import annotations

from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.mock_facts import Facts
from reportgen.engines.mock_sections import WRITERS
from reportgen.strategies.base import SectionSpec

MARK = "MOCK REPORT: written from the evidence alone by a program that did not look at the image."


class MockEngine(Engine):
    """Puts the classifier's probability and the neighbours' labels into words."""

    name = "mock"
    is_mock = True

    def generate(self, request: GenerationRequest) -> Generation:
        """Write one report; the same evidence gives the same words."""
        facts = Facts(request.evidence)
        parts = [MARK]
        parts.extend(_section(spec, facts) for spec in request.strategy.sections)
        text = "\n\n".join(parts)
        return Generation(text=text, tokens=len(text.split()))


def _section(spec: SectionSpec, facts: Facts) -> str:
    write = WRITERS.get((spec.name, spec.kind))
    body = write(facts) if write else "Not written by the mock engine."
    return f"{spec.heading}:\n{body}"
