"""Which engine writes, and why that one."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from medx.core.console import note, warn
from medx.core.errors import InputError, MedxError, UnknownNameError, WeightsUnavailableError
from reportgen.config import ReportConfig
from reportgen.engines import ENGINES
from reportgen.engines.base import Engine
from reportgen.engines.openai_address import BASE_URL_VARIABLE
from reportgen.engines.weights import find_weights

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class ChosenEngine:
    """An engine and the reason it was taken; weights load with its first report."""

    engine: Engine
    reason: str


def choose_engine(config: ReportConfig) -> ChosenEngine:
    """Return the engine that ``config.engine`` names.

    ``auto`` looks for MedGemma's weights on this machine, without asking the network, then for the
    server that ``MEDX_OPENAI_BASE_URL`` names, and takes the mock when there is neither; the reason
    says what was found. A ``weights`` folder or ``base_url`` that was asked for and cannot be used
    is an error even then.

    Raises:
        UnknownNameError: When there is no such engine.
        WeightsUnavailableError: When the weights that were asked for cannot be had.
        EngineError: When the server that was asked for cannot be used.
    """
    if config.engine != AUTO:
        return ChosenEngine(engine=_build(config.engine, config), reason="asked for")
    if config.base_url is not None:
        return ChosenEngine(engine=_build("openai", config), reason="--base-url names a server")
    chosen, looked = _local(config)
    if chosen is None:
        chosen, looked = _served(config, looked)
    if chosen is None:
        warn(f"writing mock reports: {looked}")
        return ChosenEngine(engine=_build("mock", config), reason=looked)
    note(f"writing with {chosen.engine.name}: {chosen.reason}")
    return chosen


def _local(config: ReportConfig) -> tuple[ChosenEngine | None, str]:
    """Return MedGemma when its weights are at hand, else what is missing."""
    try:
        weights = find_weights(config.model, config.weights)
    except (WeightsUnavailableError, InputError) as error:
        served = os.environ.get(BASE_URL_VARIABLE)
        if config.weights is not None or (isinstance(error, InputError) and not served):
            raise
        return None, f"no MedGemma weights on this machine ({error})"
    reason = f"the weights of {weights.model} are at hand ({weights.source})"
    return ChosenEngine(engine=_build("medgemma", config), reason=reason), reason


def _served(config: ReportConfig, looked: str) -> tuple[ChosenEngine | None, str]:
    """Return the engine of the environment's server when it answers, else what is missing."""
    base_url = os.environ.get(BASE_URL_VARIABLE)
    if not base_url:
        return None, f"{looked}, and no server ({BASE_URL_VARIABLE} is not set)"
    try:
        engine = _build("openai", config)
    except MedxError as error:
        return None, f"{looked}, and the server of {BASE_URL_VARIABLE} cannot be used ({error})"
    reason = f"{looked}, but {BASE_URL_VARIABLE} names a server that has {engine.model}"
    return ChosenEngine(engine=engine, reason=reason), reason


def _build(name: str, config: ReportConfig) -> Engine:
    if name not in ENGINES:
        raise UnknownNameError("engine", name, [AUTO, *ENGINES])
    engine: Engine = ENGINES.load(name)(replace(config, engine=name))
    return engine
