"""What every engine can do."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from medx.core.errors import MedxError
from medx.core.images import Pixels
from reportgen.config import ReportConfig
from reportgen.evidence import Evidence
from reportgen.prompt import Prompt
from reportgen.strategies.base import Strategy


@dataclass(frozen=True, kw_only=True, eq=False)
class GenerationRequest:
    """One report to write.

    Args:
        pixels: ``uint8`` ``(H, W)`` or ``(H, W, 3)`` at native resolution.
        schema: The answer must be a JSON object of this model; None: text under headings.
    """

    prompt: Prompt
    pixels: Pixels
    evidence: Evidence
    strategy: Strategy
    max_new_tokens: int
    schema: type[BaseModel] | None = None


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What came back.

    Args:
        text: The answer without control tokens and without thinking.
        cut_off: True when the tokens ran out before the model was done.
        seconds: What it took; of a batch, its share.
    """

    text: str
    prompt_tokens: int = 0
    tokens: int = 0
    cut_off: bool = False
    seconds: float = 0.0


class Engine(ABC):
    """Something that writes a report from a rendered prompt and an image.

    Attributes:
        name: Its name in ``ENGINES``.
        is_mock: True when no model looks at the image.
        model: Which model, for the record.
        revision: Which weights, for the record.
        takes_system_prompt: False when the model has no system turn.
        answers_json: True when it can be held to a schema, or at least asked for one.
    """

    name: str = ""
    is_mock: bool = False
    takes_system_prompt: bool = True
    answers_json: bool = False

    def __init__(self, config: ReportConfig) -> None:
        self.config = config
        self.model = self.name
        self.revision = ""

    def prepare(self) -> None:  # noqa: B027 - most engines have nothing to load
        """Load what is needed; called once before the first report."""

    def token_budget(self, strategy: Strategy) -> int:
        """Return how many tokens a report of ``strategy`` may take."""
        return self.config.max_new_tokens or strategy.max_new_tokens

    @abstractmethod
    def generate(self, request: GenerationRequest) -> Generation:
        """Write one report.

        Raises:
            EngineError: When nothing usable came out.
        """

    def generate_all(
        self, requests: Sequence[GenerationRequest]
    ) -> Iterator[tuple[int, Generation | MedxError]]:
        """Yield each request's position with its report, or with why there is none.

        Engines that batch or ask in parallel yield in the order in which reports are done.
        """
        for position, request in enumerate(requests):
            started = time.perf_counter()
            try:
                generation = self.generate(request)
            except MedxError as error:
                yield position, error
            else:
                yield position, replace(generation, seconds=time.perf_counter() - started)
