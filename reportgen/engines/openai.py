"""Any server that speaks OpenAI's chat completions: vLLM with MedGemma, llama.cpp and others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from medx.core.console import note, warn
from medx.core.errors import EngineError, MedxError
from medx.core.words import many
from reportgen.config import ReportConfig
from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.openai_address import find_address, find_key
from reportgen.engines.openai_http import Link, NoAnswerError, Retries, StatusError
from reportgen.engines.openai_introduction import CHAT, meet
from reportgen.engines.openai_messages import Completion, build_body, read_generation
from reportgen.engines.openai_parallel import iterate_in_thread, work_through
from reportgen.strategies.base import Strategy

Answer = tuple[int, Generation | MedxError]

#: Requests in a row without an answer after which a server counts as gone; more in flight, more.
SILENCE = 4

#: Seconds in which a server that was gone has to show that it is back.
KNOCK = 30.0


class OpenAIEngine(Engine):
    """Asks a server, with several requests in flight; greedy, so far as the server obeys.

    Making one asks the server for its models and for one token, without an image.

    Args:
        retries: How often and how soon to ask again.

    Raises:
        EngineError: When the server is down or refuses, or has several models and none is named.
        InputError: When the address cannot be used.
    """

    name = "openai"
    answers_json = True

    def __init__(self, config: ReportConfig, retries: Retries | None = None) -> None:
        super().__init__(config)
        self.address = find_address(config.base_url)
        self._link = Link(
            address=self.address,
            key=find_key(),
            timeout=config.timeout,
            retries=retries or Retries(),
            on_retry=self._count_retry,
        )
        self._said: set[str] = set()
        self._repeated = 0
        self._unanswered = 0
        self._schema_refused = False
        self._server = meet(self._link, config.model)
        self.model = self._server.model
        self.revision = self._server.revision
        self.family = self._server.family
        self.takes_system_prompt = self.family.system_turn

    def token_budget(self, strategy: Strategy) -> int:
        """Return the tokens of the answer plus those of thinking."""
        asked = self.config.max_new_tokens
        return asked or strategy.max_new_tokens + self.family.thinking_tokens

    def prepare(self) -> None:
        """Say which model is asked and where images go."""
        address, key = self.address, self._link.key
        note(
            f"{self.model} at {address.base_url} ({address.source}), messages as "
            f"{self.family.name}, {many(self.config.concurrency, 'request')} at a time"
        )
        if address.is_local:
            return
        sent = f"images and evidence leave this machine: they are sent to {address.host}"
        if address.is_encrypted:
            note(sent)
        else:
            also = f", and so is the key in {key.variable}" if key else ""
            warn(f"{sent} unencrypted{also}; use https")

    def generate(self, request: GenerationRequest) -> Generation:
        """Write one report."""
        ((_, answer),) = self.generate_all([request])
        if isinstance(answer, MedxError):
            raise answer
        return answer

    def generate_all(self, requests: Sequence[GenerationRequest]) -> Iterator[Answer]:
        """Yield reports as they are done; ``seconds`` is the wait for that one answer.

        When ``SILENCE`` in a row, or as many as are in flight, got no answer, the server is gone:
        the rest is not asked, and the next call begins with one small question.
        """
        self._repeated = 0
        if not self._gone or self._is_back():
            self._unanswered = 0

        async def produce(put: Callable[[Answer], None]) -> None:
            async with self._link.client(self.config.concurrency) as client:
                await work_through(
                    len(requests),
                    lambda position: self._body(requests[position]),
                    lambda body: self._answer(client, body),
                    put,
                    concurrency=self.config.concurrency,
                )

        yield from iterate_in_thread(produce)
        if self._repeated:
            note(f"{many(self._repeated, 'request')} had to be repeated")

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        if self._gone:  # it will not be sent
            return {}
        return build_body(request, self.family, model=self.model, seed=self.config.seed)

    @property
    def _gone(self) -> bool:
        return self._unanswered >= max(SILENCE, self.config.concurrency)

    def _is_back(self) -> bool:
        """Ask a server that was gone for one token."""
        quick = replace(
            self._link, timeout=min(self.config.timeout, KNOCK), retries=Retries(attempts=1)
        )
        try:
            meet(quick, self.model)
        except NoAnswerError:
            return False
        except EngineError:
            return True  # it speaks, and will say what is wrong with each request
        return True

    async def _answer(
        self, client: httpx2.AsyncClient, body: dict[str, Any]
    ) -> Generation | MedxError:
        if self._gone or not body:
            return EngineError(
                f"not asked: {self.address.base_url} answers no more", hint="go on with --resume"
            )
        try:
            generation = await self._ask(client, body)
        except NoAnswerError as error:
            self._unanswered += 1
            return error
        except MedxError as error:
            self._unanswered = 0
            return error
        self._unanswered = 0
        return generation

    async def _ask(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> Generation:
        if self._schema_refused:
            body.pop("response_format", None)
        started = time.perf_counter()
        try:
            completion = await self._complete(client, body)
        except StatusError as error:
            if error.status not in (400, 422) or "response_format" not in body:
                raise self._server.explain(error) from None
            completion = await self._complete_freely(client, body, error)
        seconds = time.perf_counter() - started
        return replace(read_generation(completion, self.family), seconds=seconds)

    async def _complete(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> Completion:
        return await self._link.exchange(client, CHAT, Completion.model_validate_json, body)

    async def _complete_freely(
        self, client: httpx2.AsyncClient, body: dict[str, Any], refused: StatusError
    ) -> Completion:
        """Ask without the schema; only when that works was the schema what was refused."""
        try:
            completion = await self._complete(
                client, {name: body[name] for name in body if name != "response_format"}
            )
        except StatusError:
            raise refused from None
        if not self._schema_refused:
            self._schema_refused = True
            warn(f"the server takes no schema ({refused}): asking without, and checking answers")
        return completion

    def _count_retry(self, reason: str) -> None:
        self._repeated += 1
        if reason not in self._said:
            self._said.add(reason)
            note(f"asking again: {reason}")
