"""Getting to know a server: which model it has, how to speak to it, what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from medx.core.errors import EngineError
from reportgen.engines.chat import Family, family_of
from reportgen.engines.openai_http import Link, NoAnswerError, StatusError
from reportgen.engines.openai_messages import Completion, ModelList
from reportgen.engines.openai_parallel import iterate_in_thread

CHAT = "chat/completions"
UNKNOWN = "unknown"

#: A server that is down should be known soon.
ATTEMPTS = 3

#: How models other than MedGemma are spoken to.
PLAIN = Family(name="plain chat", system_turn=True, image_first=True, thinking_tokens=0)


@dataclass(frozen=True, kw_only=True)
class Introduction:
    """What a server said of itself.

    Args:
        model: The name that requests give.
        models: Every name it says it takes; empty when it does not say.
        revision: Origin of the model and fingerprint of the server, or ``unknown``.
    """

    model: str
    models: tuple[str, ...]
    family: Family
    revision: str

    def explain(self, error: StatusError) -> StatusError:
        """Return ``error``; a 404 gets the models that there are as its hint."""
        return explain_missing(error, self.models)


def meet(link: Link, model: str | None) -> Introduction:
    """Ask a server for its models, and ``model`` or the only one for a token, without an image.

    Raises:
        EngineError: When the server is down, refuses, or ``model`` is None and it has not one.
    """
    quick = replace(
        link, retries=replace(link.retries, attempts=min(ATTEMPTS, link.retries.attempts))
    )
    found: list[Introduction] = []

    async def produce(put: Callable[[Introduction], None]) -> None:
        async with quick.client(1) as client:
            listed = await _list_models(quick, client, model)
            put(await _try_model(quick, client, model or _only(listed, quick), listed))

    found.extend(iterate_in_thread(produce))
    return found[0]


def explain_missing(error: StatusError, models: tuple[str, ...]) -> StatusError:
    """Return ``error``; a 404 gets what the server has as its hint."""
    if error.status == 404 and models:
        error.hint = f"the server has {', '.join(models)}: pass one with --model"
    elif error.status == 404:
        error.hint = "no such model, or --base-url does not lead to its API (usually …/v1)"
    return error


async def _list_models(link: Link, client: httpx2.AsyncClient, model: str | None) -> ModelList:
    try:
        return await link.exchange(client, "models", ModelList.model_validate_json)
    except NoAnswerError as error:
        error.hint = f"start a server, or give its --base-url (this is from {link.address.source})"
        raise
    except EngineError as error:
        if isinstance(error, StatusError) and error.status in (401, 403):
            raise
        if model is None:
            raise EngineError(
                f"{link.address.base_url} does not say which models it has: {error}",
                hint="name one with --model, or give another address",
            ) from error
        return ModelList(data=[])


def _only(listed: ModelList, link: Link) -> str:
    ids = listed.ids()
    if len(ids) != 1:
        raise EngineError(
            f"{link.address.base_url} has {', '.join(ids) or 'no model'}: which one?",
            hint="name it with --model",
        )
    return ids[0]


async def _try_model(
    link: Link, client: httpx2.AsyncClient, model: str, listed: ModelList
) -> Introduction:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0,
        "max_tokens": 1,
    }
    models = tuple(listed.ids())
    try:
        first = await link.exchange(client, CHAT, Completion.model_validate_json, body)
    except StatusError as error:
        raise explain_missing(error, models) from None
    root = listed.root_of(model)
    said = (root or first.model, first.system_fingerprint)
    return Introduction(
        model=model,
        models=models,
        family=_family(model, root or model),
        revision=" ".join(word for word in said if word) or UNKNOWN,
    )


def _family(model: str, root: str) -> Family:
    """Return MedGemma's layout when name or origin say that it is one."""
    names = f"{model} {root}"
    return family_of(names, Path(root)) if "medgemma" in names.lower() else PLAIN
