"""One exchange with a server: asked again where that can help, else a clear error."""

from __future__ import annotations

import asyncio
import email.utils
import html
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from pydantic import ValidationError

from medx.core.errors import EngineError, InputError
from reportgen.control_tokens import plain_line
from reportgen.engines.openai_address import KEY_VARIABLES, Address, Key

T = TypeVar("T")

#: Bytes of an answer; a report of 8000 tokens has about 40 000.
MAX_BODY = 8 << 20

#: Seconds to reach a server; the answer may take the rest of the time-out.
CONNECT_TIMEOUT = 10.0

_AGAIN = frozenset({408, 409, 425, 429})
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.I | re.S)


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how soon a server is asked again.

    Args:
        attempts: All of them, the first included.
        first: Seconds before the second attempt; each further pause is twice as long.
        longest: Most seconds of a pause.
        patience: Most seconds that a server's own Retry-After may ask for.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 30.0
    patience: float = 300.0

    def pause(self, attempt: int, asked: float | None) -> float:
        """Return seconds to wait after a failed attempt.

        Args:
            attempt: Counted from 1.
            asked: What the server asks for; never undercut.
        """
        backoff = min(self.longest, self.first * 2.0 ** (attempt - 1))
        jitter = random.uniform(0.5, 1.0)
        return backoff * jitter if asked is None else asked + self.first * (jitter - 0.5)


class NoAnswerError(EngineError):
    """A server that cannot be reached, hangs up or takes too long."""


class StatusError(EngineError):
    """A server that refuses; ``status`` is what it answered."""

    def __init__(self, message: str, *, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class _Passing(Exception):
    """What may be gone at the next attempt, and the seconds after which to make it."""

    def __init__(self, error: EngineError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass(frozen=True, kw_only=True, eq=False)
class Link:
    """How to speak to one server.

    Args:
        timeout: Seconds that one attempt may take in all.
        on_retry: Told why, each time that something is asked again.
    """

    address: Address
    key: Key | None
    timeout: float
    retries: Retries
    on_retry: Callable[[str], None]

    def client(self, connections: int) -> httpx2.AsyncClient:
        """Return a client, to be closed; no proxy gets what is meant for this machine.

        Raises:
            InputError: When the environment names a proxy or certificates that cannot be used.
        """
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key.value}"
        try:
            return httpx2.AsyncClient(
                headers=headers,
                # Loading certificates takes longer than a short answer of this machine's server.
                verify=self.address.is_encrypted or not self.address.is_local,
                timeout=httpx2.Timeout(None, connect=min(CONNECT_TIMEOUT, self.timeout)),
                limits=httpx2.Limits(max_connections=connections),
                trust_env=not self.address.is_local,
                follow_redirects=False,
            )
        except (ImportError, ValueError, OSError) as error:
            raise InputError(
                f"no way to {self.address.host}: {plain_line(str(error))}",
                hint="look at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE",
            ) from error

    async def exchange(
        self,
        client: httpx2.AsyncClient,
        path: str,
        read: Callable[[bytes], T],
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """POST ``body`` to ``path``, or GET it, and return what ``read`` makes of the answer.

        ``read`` raises ``ValidationError`` when the bytes are not what they should be.

        Raises:
            NoAnswerError: When the last attempt got no answer.
            StatusError: When the server refuses.
            EngineError: When the answer cannot be used.
        """
        content = None if body is None else json.dumps(body).encode()
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(client, path, read, content)
            except _Passing as passing:
                wait = self.retries.pause(attempt, passing.wait)
                if attempt >= self.retries.attempts:
                    raise _tried(passing.error, attempt) from passing
                if passing.wait is not None and passing.wait > self.retries.patience:
                    raise _too_long(passing.error, passing.wait) from passing
                self.on_retry(str(passing.error))
            await asyncio.sleep(wait)

    async def _attempt(
        self,
        client: httpx2.AsyncClient,
        path: str,
        read: Callable[[bytes], T],
        body: bytes | None,
    ) -> T:
        try:
            status, headers, answer = await asyncio.wait_for(
                self._fetch(client, path, body), self.timeout
            )
        except asyncio.TimeoutError as error:
            raise NoAnswerError(
                f"no complete answer from {self.address.base_url} in {self.timeout:g} s",
                hint="raise --timeout, or lower --concurrency",
            ) from error
        except httpx2.InvalidURL as error:
            raise EngineError(f"{self.address.base_url} is no address: {error}") from error
        except httpx2.HTTPError as error:
            reason = plain_line(str(error)) or type(error).__name__
            raise _Passing(
                NoAnswerError(f"no answer from {self.address.base_url}: {reason}")
            ) from error
        if status != 200:
            raise self._refusal(status, headers, answer)
        try:
            return read(answer)
        except ValidationError as error:
            what = _describe(answer) or _first_problem(error)
            raise _Passing(
                EngineError(
                    f"the answer of {self.address.base_url} cannot be read: {what}",
                    hint="does the address lead to an OpenAI-compatible API (…/v1)?",
                )
            ) from error

    async def _fetch(
        self, client: httpx2.AsyncClient, path: str, body: bytes | None
    ) -> tuple[int, httpx2.Headers, bytes]:
        url = f"{self.address.base_url}/{path}"
        method = "GET" if body is None else "POST"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        async with client.stream(method, url, content=body, headers=headers) as response:
            answer = bytearray()
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_BODY:
                    raise EngineError(
                        f"the answer of {self.address.base_url} is longer than {MAX_BODY >> 20} MiB"
                    )
        whole = bytes(answer)
        return response.status_code, response.headers, self.key.hide(whole) if self.key else whole

    def _refusal(self, status: int, headers: httpx2.Headers, answer: bytes) -> Exception:
        said = _message(answer) or "no reason given"
        error = StatusError(
            f"the server answered {status}: {said}", status=status, hint=self._hint(status)
        )
        if status in _AGAIN or status >= 500:
            return _Passing(error, _retry_after(headers.get("Retry-After")))
        return error

    def _hint(self, status: int) -> str | None:
        if status in (401, 403) and self.key is None:
            return f"set {KEY_VARIABLES[0]} to a key of {self.address.host}"
        if status in (401, 403) and self.key is not None:
            return f"{self.address.host} does not take the key in {self.key.variable}"
        if 300 <= status < 400:
            return "redirects are not followed: give the address it leads to"
        return None


def _tried(error: EngineError, attempts: int) -> EngineError:
    error.args = (f"{error} ({attempts} attempts)",)
    return error


def _too_long(error: EngineError, wait: float) -> EngineError:
    error.hint = f"the server asks to come back in {wait:.0f} s: go on then with --resume"
    return error


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date."""
    if value is None:
        return None
    try:
        return float(value) if value.replace(".", "", 1).isdecimal() else _seconds_until(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _seconds_until(date: str) -> float:
    return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())


def _message(answer: bytes) -> str:
    """Return what an error answer says, in one harmless line."""
    text = answer.decode("utf-8", "replace")
    try:
        said = _dig(json.loads(text))
    except (ValueError, RecursionError):
        return plain_line(_describe(answer) or text, 200)
    return plain_line(said, 300)


def _dig(value: Any) -> str:
    """Return the message of the error forms that servers use."""
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    return value if isinstance(value, str) else json.dumps(value)


def _describe(answer: bytes) -> str:
    """Return in words what an answer is that is no JSON, or nothing."""
    text = answer[:4096].decode("utf-8", "replace").strip()
    if not text:
        return "it is empty"
    if text.startswith("<"):
        title = _TITLE.search(text)
        return f"an HTML page ({html.unescape(title[1]).strip()})" if title else "an HTML page"
    if text.startswith(("data:", "event:")):
        return "a stream of events, which was not asked for"
    return ""


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, problem["loc"]))
    return plain_line(f"{where}: {problem['msg']}" if where else problem["msg"], 200)
